import { plainName, plainWorkspaceName, type Requester } from "../domain/consent-request.ts";
import { domainOf, type MailAddress } from "../domain/mail-address.ts";
import { graphScopes, permissionReasons } from "../domain/permissions.ts";
import { day } from "./day.ts";
import {
  button,
  heading,
  link,
  mailPage,
  mailto,
  paragraph,
  points,
  smallPrint,
  strong,
} from "./mail-page.ts";
import { asHtml, asText, type Words } from "./words.ts";

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
const called = ({ name, email }: Requester): Words => {
  const shown = plainName(name);
  if (!isEveryday(email)) {
    return [shown === undefined ? "Somebody" : { name: shown }, ` at ${domainOf(email)}`];
  }
  return shown === undefined ? [email] : [{ name: shown }, ` (${email})`];
};

/** As `a, b and c`. */
const listed = (items: readonly Words[]): Words =>
  new Intl.ListFormat("en-GB")
    .formatToParts(items.map((_, index) => String(index)))
    .flatMap(({ type, value }) => (type === "element" ? (items[Number(value)] ?? []) : value));

const othersSentence = (others: readonly Requester[]): Words | undefined => {
  if (others.length === 0) return undefined;
  const named = others.slice(0, shownOthers).map(called);
  const unnamed = others.length - named.length;
  const who = [...named, ...(unnamed > 0 ? [[`${unnamed} more`]] : [])];
  const howMany = others.length === 1 ? "One more person is" : `${others.length} more people are`;
  return [`${howMany} waiting for the same: `, ...listed(who), "."];
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
  const where: Words =
    workspace === undefined ? [] : [", in the workspace “", { name: workspace }, "”"];
  const who = called(requester);
  const waiting = othersSentence(others);
  const permissions = graphScopes.map((scope) => ({
    title: permissionReasons[scope].title,
    rest: `, ${permissionReasons[scope].reason}.`,
    note: `Microsoft calls it ${scope}.`,
  }));
  const asked = isEveryday(requester.email) ? requester.email : undefined;

  // Its last two words stay on one line.
  const title = "A colleague asks you to approve Appse\u00a0AI";
  const asks: Words = [
    " would like to connect their Outlook mailbox to Appse AI, a product for automating recurring work",
    ...where,
    ". In your organisation only an administrator can approve that.",
  ];
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
  const why: Words = [
    "You get this mail because ",
    ...(asked === undefined ? who : [asked]),
    " told Appse AI that you are an administrator of your organisation.",
  ];

  return {
    subject: "Approve Appse AI for your organisation",
    text: `${title}

${asText([...who, ...asks])}
${waiting === undefined ? "" : `\n${asText(waiting)}\n`}
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
${asText(why)}
`,
    html: mailPage(
      title,
      [
        paragraph(strong(asHtml(who)), asHtml(asks)),
        ...(waiting === undefined ? [] : [paragraph(asHtml(waiting))]),
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
      asHtml(why),
    ),
  };
};
