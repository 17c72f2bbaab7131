import { html } from "./html.ts";
import { constantPage, type Page, page } from "./page.ts";
import { signInFrequency } from "./sign-in-frequency.ts";

const closing = "You can close this page.";

/**
 * After the sign-in that proved who approved.
 *
 * @param mailDomain of the organisation, if it is known to be theirs
 */
export const approvalVerifiedPage = (mailDomain?: string): Page =>
  page("Approved. Thank you", [
    html`<p>Everybody ${mailDomain === undefined ? "in your organisation" : html`at <strong>${mailDomain}</strong>`} can now connect their own Outlook mailbox to Appse AI. Those who asked are told by mail within a few minutes.</p>
<p>Microsoft can take a few minutes to apply an approval everywhere. If somebody still sees “Need admin approval”, they only have to wait a little and try again. ${closing}</p>`,
  ]);

/**
 * While Microsoft applies an approval. It does not go on by itself: a page that does leaves behind whoever reads slowly
 * or has it read to them. WCAG 2.2.1
 *
 * @param again where the proof is tried again, of our own making
 */
export const approvalSpreadingPage = (again: string): Page =>
  page("Approved, and being applied", [
    html`<p>Microsoft is applying your approval, which takes a minute or two. Then one more step confirms it, so that everybody who waits is told.</p>
<a class="button" href="${again}">Confirm the approval</a>
<p>If you close this page instead, it is confirmed as soon as people of your organisation connect.</p>
<p>If you still come to this page after ten minutes, Microsoft has no approval of yours: open the link you were sent once more, and accept on Microsoft's page.</p>`,
  ]);

/**
 * For an administrator whom Microsoft lets approve the app and not sign in to it: AADSTS50105.
 *
 * @param again where the proof is tried again, of our own making
 * @see https://learn.microsoft.com/entra/identity/enterprise-apps/assign-user-or-group-access-portal
 */
export const approvalNotAssignedPage = (again: string): Page =>
  page("Approved, and one step is left", [
    html`<p>What you approved at Microsoft stands, but we cannot confirm it yet: your organisation lets only assigned people use Appse AI, and you are not assigned to it. Others who are not assigned cannot connect either.</p>
<h2>What you can do</h2>
<p>In the Microsoft Entra admin center, open Enterprise applications, then Appse AI, and do one of these:</p>
<ul>
<li>Under <strong>Users and groups</strong>, assign yourself and everybody who is to connect a mailbox. A group counts for its direct members only.</li>
<li>Under <strong>Properties</strong>, set <strong>Assignment required?</strong> to <strong>No</strong>. Then everybody in your organisation can connect.</li>
</ul>
<p>Then come back to this page, and have us confirm the approval:</p>
<a class="button" href="${again}">Try again</a>
<p>If you come to this page once more, Microsoft may still be applying the change: please wait a minute or two. You can also close this page; the approval is then confirmed as soon as assigned people connect.</p>`,
  ]);

/** @param signInAgainEvery how often the organisation asks its people to sign in, in words, if that was learnt */
export const approvalDone = (signInAgainEvery?: string): Page =>
  page("Already approved", [
    html`<p>Your organisation has approved Appse AI. There is nothing left to do here.</p>
<p>If somebody still sees “Need admin approval”, Microsoft is applying it; that takes a few minutes.</p>
${signInAgainEvery !== undefined && signInFrequency(signInAgainEvery)}<p>${closing}</p>`,
  ]);

export const approvalExpiredPage = constantPage({
  title: "This link has expired",
  paragraphs: [
    "Approval links work for seven days. Nothing was changed.",
    "Please ask the person who sent it to you for a new one: in Appse AI they choose “Ask an administrator” again.",
  ],
});

/** Also for a link that has served its purpose, of which there is no newer one. */
export const approvalReplacedPage = constantPage({
  title: "This link is no longer in use",
  paragraphs: [
    "It was replaced by a newer one, or has served its purpose. Nothing was changed.",
    "Please use the newest mail from Appse AI. If there is none, ask the person who sent you this link for a new one.",
  ],
});

export const approvalUnknownPage = constantPage({
  title: "This link is not known",
  paragraphs: [
    "It may have been cut off by a mail program, or it is long over. Nothing was changed.",
    "Please copy the whole address from the mail, or ask the person who sent it to you for a new link.",
  ],
});

export const approvalDeclinedPage = constantPage({
  title: "Not approved",
  paragraphs: [
    "You did not approve Appse AI, so nothing was changed, and people of your organisation cannot connect their mailboxes.",
    "The link stays good: open it again if you change your mind, or pass it on to another administrator.",
  ],
});

export const approvalNeedsAdministratorPage = constantPage({
  title: "Only an administrator can approve this",
  paragraphs: [
    "Microsoft did not let this account approve apps for your organisation. Nothing was changed.",
    "Please pass the link on to somebody who can: a Global, Privileged Role, Cloud Application or Application Administrator of your organisation.",
  ],
});

/** For an account that Microsoft kept from its approval page: who it is says nothing of what they may approve. */
export const approvalSignInRefusedPage = constantPage({
  title: "Microsoft did not let this account sign in",
  paragraphs: [
    "Nothing was changed. A policy of your organisation may be the reason, or the account itself. If Microsoft’s page did not say which, look into the sign-in logs in the Microsoft Entra admin center.",
    "The link stays good: open it again when that is settled, or with another administrator account, or pass it on to another administrator.",
  ],
});

const missingTitle = "Something is switched off in your organisation";
const missing =
  "Microsoft lets nobody there use Appse AI. Either Appse AI itself or a service of Microsoft that it needs, such as Exchange Online, is switched off or missing. You find both in the Microsoft Entra admin center under Enterprise applications, and subscriptions in the Microsoft 365 admin center under Billing.";

/** For an organisation in which Microsoft lets nobody use the app, whoever approves it. */
export const approvalMissingPage = constantPage({
  title: missingTitle,
  paragraphs: [missing, "The link stays good: open it again when that is settled."],
});

/** The same, when it was to be proved who approved. */
export const approvalProofMissingPage = constantPage({
  title: missingTitle,
  paragraphs: [
    missing,
    "What you approved at Microsoft stands. Open the approval link again when that is settled, to confirm it.",
  ],
});

export const approvalOtherOrganisationPage = constantPage({
  title: "That was another organisation",
  paragraphs: [
    "You approved with an account of another organisation than the one that this request comes from, so it does not help the person who asked. Nothing was recorded here.",
    "Please open the link again and sign in with your administrator account of the organisation of the person who asked; the page behind the link shows their address. What you approved for the other organisation can be taken back in the Microsoft Entra admin center.",
  ],
});

const unconfirmed = "Approved, but not confirmed yet";

export const approvalUnconfirmedPage = constantPage({
  title: unconfirmed,
  paragraphs: [
    "Microsoft reported that you approved Appse AI, and this account did not prove that it may do so for the organisation. Roles that are custom or not activated are not visible to us. If your role has to be activated first, activate it and open the link again.",
    `If you approved it, nothing more is needed: it is confirmed as soon as people of your organisation connect. ${closing}`,
  ],
});

const stands = `What you approved at Microsoft stands, and it is also confirmed as soon as people of your organisation connect. ${closing}`;

/** For a sign-in that was to prove who approved, and was left or came to nothing. */
export const approvalUnfinishedPage = constantPage({
  title: unconfirmed,
  paragraphs: [
    "Microsoft reported that you approved Appse AI, but the sign-in that confirms it was not finished. Open the approval link again to confirm it.",
    stands,
  ],
});

/** For an account that Microsoft did not let in when it was to prove who approved. */
export const approvalProofRefusedPage = constantPage({
  title: unconfirmed,
  paragraphs: [
    "Microsoft reported that you approved Appse AI, but did not let this account sign in to confirm it. Open the approval link again when the account may sign in, or with another administrator account.",
    stands,
  ],
});

/** For an answer that was brought before, too late, or by another browser. */
export const approvalProofOverPage = constantPage({
  title: "This step is over",
  paragraphs: [
    "It can be taken once, within ten minutes, in the browser in which it began. Nothing was changed just now, and what you approved at Microsoft stands.",
    `If you saw “Approved. Thank you” before, there is nothing left to do. Otherwise open the approval link again: it shows how things stand. ${closing}`,
  ],
});

export const approvalUnavailablePage = constantPage({
  title: "This could not be finished just now",
  paragraphs: [
    "Microsoft or our service could not answer. If you approved Appse AI at Microsoft, that stands.",
    "Please open the approval link again in a moment: it shows whether anything is left to do.",
  ],
});
