import { plainName, plainWorkspaceName, type Requester } from "../domain/consent-request.ts";
import { domainOf, type MailAddress } from "../domain/mail-address.ts";
import { graphScopes, permissionReasons } from "../domain/permissions.ts";
import { day } from "./day.ts";
import {
  button,
  heading,
  link,
  mailPage,
  paragraph,
  points,
  smallPrint,
  strong,
} from "./mail-page.ts";

export interface ApprovalRequestMail {
  readonly requester: Requester;
  /** Who else waits, oldest first. */
  readonly others: readonly Requester[];
  readonly approvalUrl: URL;
  readonly expiresAt: Date;
  readonly supportEmail: string;
}

/** More names help nobody to decide. */
const shownOthers = 5;

/**
 * An address as most people have one. Others are allowed to look like a link or to carry a query, and mail programs
 * may take them for it. RFC 5321 §4.1.2, RFC 6068 §2
 */
const isEveryday = (address: MailAddress) => /^(?!www\.)[\w.+'-]+@/i.test(address);

/** A name only as far as a stranger may not have chosen it to mislead, and where to ask. */
const called = ({ name, email }: Requester): string => {
  const shown = plainName(name);
  if (!isEveryday(email)) return `${shown ?? "Somebody"} at ${domainOf(email)}`;
  return shown === undefined ? email : `${shown} (${email})`;
};

const mailto = (address: string) => {
  const at = address.lastIndexOf("@");
  return `mailto:${encodeURIComponent(address.slice(0, at))}${address.slice(at)}`;
};

const othersSentence = (others: readonly Requester[]): string | undefined => {
  if (others.length === 0) return undefined;
  const named = others.slice(0, shownOthers).map(called);
  const unnamed = others.length - named.length;
  const who = [...named, ...(unnamed > 0 ? [`${unnamed} more`] : [])];
  const list = new Intl.ListFormat("en-GB").format(who);
  return others.length === 1
    ? `One more person is waiting for the same: ${list}.`
    : `${others.length} more people are waiting for the same: ${list}.`;
};

/** Asks an administrator to approve for the whole organisation. */
export const approvalRequestMail = ({
  requester,
  others,
  approvalUrl,
  expiresAt,
  supportEmail,
}: ApprovalRequestMail) => {
  const url = approvalUrl.href;
  const workspace = plainWorkspaceName(requester.workspaceName);
  const where = workspace === undefined ? "" : `, in the workspace “${workspace}”`;
  const waiting = othersSentence(others);
  const permissions = graphScopes.map((scope) => ({
    title: permissionReasons[scope].title,
    rest: `, ${permissionReasons[scope].reason}.`,
    note: `Microsoft calls it ${scope}.`,
  }));
  const asked = isEveryday(requester.email) ? requester.email : undefined;

  // Its last two words stay on one line.
  const title = "A colleague asks you to approve Appse\u00a0AI";
  const asks = ` would like to connect their Outlook mailbox to Appse AI, a product for automating recurring work${where}. In your organisation only an administrator can approve that.`;
  const lives = `This link works until ${day(expiresAt)}. Opening it changes nothing: it shows the details and leads to Microsoft, where you sign in and decide.`;
  const whatPermissions = "What people could let Appse AI do, each with their own mailbox";
  const beside =
    "Appse AI also learns the name and address of each person who connects, and goes on working while they are away, until they disconnect.";
  const whatApproving = "What approving does";
  const once =
    "You approve once, for your whole organisation. That opens nobody’s mailbox: each person still signs in, connects only their own, and can disconnect it at any time.";
  const back =
    "You can withdraw the approval at any time in the Microsoft Entra admin center, under Enterprise applications, Appse AI.";
  const ignore =
    "If you did not expect this mail, you can ignore it, and nothing changes. If you are not an administrator, please forward it to the person who is.";
  const why = `You get this mail because ${asked ?? called(requester)} named you as an administrator at Appse AI.`;

  return {
    subject: "Approve Appse AI for your organisation",
    text: `${title}

${called(requester)}${asks}
${waiting === undefined ? "" : `\n${waiting}\n`}
Review and approve:
${url}

${lives}


${whatPermissions}

${permissions.map((permission) => `- ${permission.title}${permission.rest}\n  ${permission.note}`).join("\n\n")}

${beside}


${whatApproving}

${once}

${back}


Questions?

Ask ${asked === undefined ? "" : `${asked}, or `}Appse AI at ${supportEmail}.

${ignore}

--
${why}
`,
    html: mailPage(
      title,
      [
        paragraph(strong(called(requester)), asks),
        ...(waiting === undefined ? [] : [paragraph(waiting)]),
        button(url, "Review and approve"),
        smallPrint(lives),
        heading(whatPermissions),
        points(permissions),
        paragraph(beside),
        heading(whatApproving),
        paragraph(once),
        paragraph(back),
        heading("Questions?"),
        paragraph(
          "Ask ",
          ...(asked === undefined ? [] : [link(mailto(asked), asked), ", or "]),
          "Appse AI at ",
          link(mailto(supportEmail), supportEmail),
          ".",
        ),
        paragraph(ignore),
        smallPrint("If the button does not work, open this address: ", link(url, url)),
      ],
      why,
    ),
  };
};
