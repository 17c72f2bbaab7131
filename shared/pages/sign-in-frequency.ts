import { type Html, html } from "./html.ts";

/**
 * What an administrator may want to know of the organisation's Conditional Access.
 *
 * @see https://learn.microsoft.com/entra/identity/conditional-access/concept-session-lifetime
 */
export const signInFrequency = (period: string): Html => html`<h2>Your sign-in frequency</h2>
<p>Conditional Access of your organisation asks people to sign in again at least every ${period}. It asks those who have connected a mailbox, too: their workflows stop then, until they have signed in. If that is not what you want, leave Appse AI out of the policy’s session control “Sign-in frequency”.</p>
`;
