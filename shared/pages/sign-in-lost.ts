import { constantPage } from "./page.ts";

/** For a browser whose sign-in is not known here, so that there is no page to return to. */
export const signInLostPage = constantPage({
  title: "This sign-in can’t be finished",
  paragraphs: [
    "It may have been opened from an old tab or an old link, or it was over long ago. Nothing was connected and nothing was changed.",
    "You can close this page. To connect your mailbox, go back to Appse AI and choose “Connect Outlook” again.",
  ],
});
