/** Where Microsoft sends people back to. */
export const callbackPath = "/callback";

/** Where it sends administrators back to, from their approval and from the sign-in that proves who they are. */
export const adminConsentCallbackPath = "/admin-consent-callback";

/** Why these routes ask for no sign-in of the product, as what follows their names. */
export const microsoftsBrowsers =
  "is where Microsoft sends browsers, which carry no sign-in of the product; it trusts nothing but a state that was given out.";
