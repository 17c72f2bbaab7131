import { approvalLinkDays, type Requester } from "../../shared/domain/consent-request.ts";
import { userId, workspaceId } from "../../shared/domain/ids.ts";
import type { MailAddress } from "../../shared/domain/mail-address.ts";
import { approvalGrantedMail } from "../../shared/mails/approval-granted.ts";
import {
  type ApprovalRequestMail,
  approvalRequestMail,
} from "../../shared/mails/approval-request.ts";
import { noon, secondsAfter } from "./samples.ts";

export const requesterCalled = (name: string | undefined, email: string): Requester => ({
  user: { userId: userId(email), workspaceId: workspaceId("ws_north") },
  email: email as MailAddress,
  name,
  workspaceName: "North Sales",
});

export const approvalUrl = new URL(
  "https://connect.appse.example/admin-consent/qk3vZ1mXo0u6W4yF8r2sT9aB5cD7eG-hJ_LnPpRtVxY",
);

/** What {@link approvalRequestMail} is told of a person who is alone. */
export const requestMail: ApprovalRequestMail = {
  requester: requesterCalled("Ines Calder", "ines.calder@larkfield.example"),
  others: [],
  approvalUrl,
  expiresAt: secondsAfter(noon, approvalLinkDays * 24 * 3600),
  supportEmail: "support@appse.example",
};

export const waitingPeople = [
  requesterCalled("Ben Okafor", "ben.okafor@larkfield.example"),
  requesterCalled(undefined, "p.nair@larkfield.example"),
  requesterCalled("Zoë d’Arcy-O’Neill", "zoe@larkfield.example"),
  requesterCalled("Łukasz Żółty", "lukasz.zolty@larkfield.example"),
  requesterCalled("Leo Brandt", "leo.brandt@larkfield.example"),
  requesterCalled("Amal Haddad", "amal@larkfield.example"),
  requesterCalled("Tom Reyes", "tom@larkfield.example"),
];

export const loneRequest = approvalRequestMail({
  ...requestMail,
  requester: { ...requestMail.requester, name: undefined, workspaceName: undefined },
});

export const crowdedRequest = approvalRequestMail({ ...requestMail, others: waitingPeople });

export const productUrl = new URL("https://app.appse.example/settings/connections");

export const grantedMail = approvalGrantedMail({
  productUrl,
  askedAt: noon,
  supportEmail: requestMail.supportEmail,
});
