import { constantPage } from "./page.ts";

/** For a browser that brings Microsoft's answer while it cannot be kept. */
export const signInWaitingPage = constantPage({
  title: "We could not finish your sign-in just now",
  paragraphs: [
    "Something went wrong on our side, and we have been alerted. Nothing was connected and nothing was changed.",
    "Please reload this page to try again; your browser will ask whether to send the form once more. If that does not help, go back to Appse AI and choose “Connect Outlook” again.",
  ],
});
