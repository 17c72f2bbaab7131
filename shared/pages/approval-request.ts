import { type Html, html } from "./html.ts";
import { type Page, page } from "./page.ts";
import { signInFrequency } from "./sign-in-frequency.ts";

/** What an administrator is shown. All texts are plain; names have been looked at before they come here. */
export interface ApprovalRequestView {
  readonly requester: {
    readonly email: string;
    readonly name: string | undefined;
    readonly workspaceName: string | undefined;
  };
  /** How many others wait as well, and whether there are more than were counted. */
  readonly others: { readonly people: number; readonly areMore: boolean };
  /** Somebody came from Microsoft and said that it is approved; nobody has proved it. */
  readonly isReported: boolean;
  readonly permissions: readonly {
    /** As Microsoft calls it. */
    readonly scope: string;
    readonly title: string;
    readonly reason: string;
  }[];
  readonly consentUrl: string;
  /** How often the organisation asks its people to sign in, in words, if that was learnt. */
  readonly signInAgainEvery: string | undefined;
  /** A day, in words. */
  readonly until: string;
  readonly supportEmail: string;
  /** What Microsoft's page and logs call the app, for comparing. */
  readonly applicationId: string;
  /** The Microsoft tenant it is about, if it is known. */
  readonly tenantId: string | undefined;
  /** The same approval, given by commands. */
  readonly commands: { readonly powerShell: string; readonly azureCli: string };
}

/** RFC 6068 §2: everything in an address but the @ may mean something else in a URL. */
const mailto = (address: string): string =>
  `mailto:${encodeURIComponent(address).replaceAll("%40", "@")}`;

const sentence = (text: string): string => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;

const waiting = ({ people, areMore }: ApprovalRequestView["others"]): string => {
  if (areMore) return `More than ${people} other people of your organisation are`;
  return people === 1
    ? "1 more person of your organisation is"
    : `${people} more people of your organisation are`;
};

const people = ({ requester, others }: ApprovalRequestView): Html => {
  const { email, name, workspaceName } = requester;
  const who =
    name === undefined
      ? html`<strong>${email}</strong>`
      : html`<strong><bdi>${name}</bdi></strong> (${email})`;
  const where =
    workspaceName === undefined
      ? html``
      : html` in the workspace <strong><bdi>${workspaceName}</bdi></strong>`;
  const more = others.people === 0 ? html`` : html` ${waiting(others)} waiting for the same.`;
  return html`<p>${who} would like to connect their Outlook mailbox to Appse AI${where}.${more} In your organisation only an administrator may approve that.</p>`;
};

const reported = html`<p class="notice">An approval was reported, but it is not confirmed yet. If you gave it, nothing more is needed: it is confirmed as soon as people of your organisation connect. You can also confirm it now by going through Microsoft’s page once more. If Microsoft says that you are not assigned to Appse AI (AADSTS50105), assign yourself first: in the Microsoft Entra admin center, under Enterprise applications, Appse AI, Users and groups.</p>
`;

/** The page behind an approval link. Opening it changes nothing. */
export const approvalRequestPage = (view: ApprovalRequestView): Page => {
  const { permissions, consentUrl, until, supportEmail, commands, requester } = view;
  return page(
    "Approve Appse AI for your organisation",
    [
      people(view),
      html`
${view.isReported && reported}<a class="button" href="${consentUrl}" rel="noreferrer">Review and approve at Microsoft</a>
<p class="small">You sign in at Microsoft and see the same permissions there; nothing is approved before you accept. It takes a Global, Privileged Role, Cloud Application or Application Administrator. This link works until ${until} and gives nobody any access.</p>
<div class="pair">
<div>
<h2>Approving</h2>
<ul>
<li>is needed once, for everybody in your organisation</li>
<li>lets each person connect their own mailbox, by signing in themselves</li>
</ul>
</div>
<div>
<h2>Approving does not</h2>
<ul>
<li>open anybody’s mailbox: that takes the person it belongs to</li>
<li>let Appse AI act without a person who has connected</li>
</ul>
</div>
</div>
<h2>What people will be able to let Appse AI do, each with their own mailbox</h2>
<dl>
${permissions.map(
  ({ scope, title, reason }) => html`<dt><strong>${title}</strong></dt>
<dd>${sentence(reason)}. Microsoft calls it <code>${scope}</code>.</dd>
`,
)}</dl>
<p class="small">Besides these it asks to learn who signed in (name, address and account id), and to go on working while that person is away, which Microsoft calls “Maintain access to data you have given it access to”.</p>
<h2>What Appse AI keeps to do this</h2>
<ul>
<li>For each connected mailbox an encrypted key from Microsoft (a refresh token) that lets it act for that person. It is erased when they disconnect.</li>
<li>An access token, sealed. Microsoft issues it for 60 to 90 minutes unless a policy of your organisation says longer; Appse AI uses none for longer than ninety minutes.</li>
<li>Name, address and ids of the account. No mail is stored here.</li>
</ul>
<h2>What to compare at Microsoft</h2>
<dl class="facts">
<dt>App</dt>
<dd>Appse AI</dd>
<dt>Publisher</dt>
<dd>Appse AI</dd>
<dt>Application ID</dt>
<dd><code>${view.applicationId}</code></dd>
${
  view.tenantId !== undefined &&
  html`<dt>Your tenant</dt>
<dd><code>${view.tenantId}</code></dd>
`
}</dl>
${view.signInAgainEvery !== undefined && signInFrequency(view.signInAgainEvery)}<h2>How to take it back</h2>
<p>At any time, in the Microsoft Entra admin center: Enterprise applications, Appse AI, then Properties or Permissions. Since no access token is used for longer, all connections of your organisation stop working within ninety minutes.</p>
<h2>Questions?</h2>
<p>Ask <a href="${mailto(requester.email)}">${requester.email}</a>, or Appse AI at <a href="${mailto(supportEmail)}">${supportEmail}</a>. If you are no administrator, please pass this link on to the person who is. If you did not expect it, you can ignore it.</p>
<details>
<summary>For your IT: approve without this page</summary>
<h2>The same as an address</h2>
<pre tabindex="0">${consentUrl}</pre>
<h2>Microsoft Graph PowerShell</h2>
<pre tabindex="0">${commands.powerShell}</pre>
<h2>Azure CLI</h2>
<pre tabindex="0">${commands.azureCli}</pre>
<p>Approved by a command, it is noticed as soon as people connect.</p>
</details>`,
    ],
    "wide",
  );
};
