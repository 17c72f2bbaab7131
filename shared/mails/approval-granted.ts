import { day } from "./day.ts";
import { button, link, mailPage, mailto, paragraph, smallPrint } from "./mail-page.ts";

export interface ApprovalGrantedMail {
  /** The page of the product where a mailbox is connected. */
  readonly productUrl: URL;
  readonly askedAt: Date;
  readonly supportEmail: string;
}

/** Tells somebody who waited that they can connect their mailbox now. */
export const approvalGrantedMail = ({ productUrl, askedAt, supportEmail }: ApprovalGrantedMail) => {
  const url = productUrl.href;
  const title = "You can connect your mailbox now";
  const news =
    "Your organisation has approved Appse AI. Sign in, connect your Outlook mailbox, and your workflows can use it.";
  const wait =
    "Microsoft may need a few minutes to apply the approval everywhere. If it still says that an administrator must approve, please try again a little later.";
  const why = `You get this mail, once, because you asked for this approval on ${day(askedAt)}.`;
  return {
    subject: "You can connect your mailbox to Appse AI now",
    text: `${title}

${news}

Connect your mailbox:
${url}

${wait}

Questions? Ask Appse AI at ${supportEmail}.

--
${why}
`,
    html: mailPage(
      title,
      [
        paragraph(news),
        button(url, "Connect your mailbox"),
        paragraph(wait),
        paragraph("Questions? Ask Appse AI at ", link(mailto(supportEmail), supportEmail), "."),
        smallPrint("If the button does not work, open this address: ", link(url, url)),
      ],
      why,
    ),
  };
};
