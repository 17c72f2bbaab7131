import * as z from "zod/mini";
import { heldSeconds } from "../../shared/domain/consent-request.ts";
import { attemptId, connectionId } from "../../shared/domain/ids.ts";
import { mailAddress } from "../../shared/domain/mail-address.ts";
import { isFromProduct } from "../../shared/http/allowed-origin.ts";
import { attemptIdText, connectionIdText } from "../../shared/http/api-ids.ts";
import { type EndpointHandler, endpoint } from "../../shared/http/endpoint.ts";
import { jsonBody } from "../../shared/http/json-body.ts";
import { noAdministrator, problem, problemResponse } from "../../shared/http/problem.ts";
import { json } from "../../shared/http/response.ts";
import { type PersonClaimNames, signedInPerson } from "../../shared/http/signed-in-user.ts";
import { logger } from "../../shared/logger.ts";
import {
  type AskedFrom,
  type NotAsked,
  type RequestApprovalPorts,
  requestApproval,
} from "./request-approval.ts";

/** As typed by a person, who is told at the field if it is no address. */
const adminEmail = z.optional(z.string());

const approvalBody = z.union([
  z.strictObject({ attemptId: attemptIdText, adminEmail }),
  z.strictObject({ connectionId: connectionIdText, adminEmail }),
]);

export interface AdminConsentRequestSettings extends PersonClaimNames {
  readonly ALLOWED_ORIGINS: readonly string[];
  readonly RETURN_PAGES: Readonly<Record<string, URL>>;
}

const problemOf = ({ kind }: NotAsked) => {
  switch (kind) {
    case "attempt_unknown":
      return problem(
        "attempt_unknown",
        "This sign-in does not exist, or is long over. Please connect your mailbox again, and ask from there.",
      );
    case "connection_unknown":
      return problem("not_found", "This connection does not exist, or is not yours.");
    case "personal_account":
      return noAdministrator();
    case "mail_not_allowed":
      return problem(
        "mail_not_allowed",
        "We only write to administrators at your own organisation's mail domain. Copy the link and send it yourself instead.",
      );
    case "mail_other_organisation":
      return problem(
        "mail_not_allowed",
        "This mailbox is of another organisation than your address at Appse AI, and we only write to administrators of your own. Copy the link and send it yourself instead.",
      );
    case "mail_domain_unknown":
      return problem(
        "mail_not_allowed",
        "Microsoft knows no organisation by your mail domain, so we cannot write to an administrator there. Copy the link and send it yourself instead.",
      );
    case "mail_domain_unavailable":
      return problemResponse({
        code: "temporarily_unavailable",
        actor: "nobody",
        message:
          "We could not ask Microsoft just now whose mail domain this is, so no mail was sent. Try again in a moment, or copy the link and send it yourself.",
        retryAfterSeconds: 10,
      });
    case "mail_under_way":
      return problemResponse({
        code: "temporarily_unavailable",
        actor: "nobody",
        message:
          "A mail about this is being sent to this administrator just now. Try again in a minute, or copy the link and send it yourself.",
        retryAfterSeconds: heldSeconds,
      });
    case "organisation_unavailable":
      return problemResponse({
        code: "temporarily_unavailable",
        actor: "nobody",
        message:
          "We could not ask Microsoft just now which organisation your address belongs to, so there is no link yet. Try again in a moment.",
        retryAfterSeconds: 10,
      });
    case "too_many_mails":
    // The same to the person; the log line of it is counted by an alarm.
    case "mail_limit_of_all":
      return problemResponse({
        code: "too_many_mails",
        actor: "user",
        message:
          "No more mails can be sent for you today. Copy the link and send it yourself, or try again tomorrow.",
        retryAfterSeconds: 24 * 3600,
      });
    default:
      return kind satisfies never;
  }
};

/** POST /admin-consent-requests: somebody who was turned away asks their administrator. */
export const adminConsentRequestHandler = (
  settings: AdminConsentRequestSettings,
  ports: RequestApprovalPorts,
): EndpointHandler =>
  endpoint(async (request) => {
    if (!isFromProduct(request, settings.ALLOWED_ORIGINS)) {
      return problem("invalid_request", "This page may not ask an administrator.", "operator");
    }
    const body = jsonBody(request, approvalBody);
    if (!body) {
      return problem(
        "invalid_request",
        "The body must be a JSON object with attemptId or connectionId, and adminEmail if an administrator is to be mailed.",
      );
    }
    const administrator = body.adminEmail === undefined ? undefined : mailAddress(body.adminEmail);
    if (body.adminEmail !== undefined && !administrator) {
      return problem(
        "invalid_request",
        "This is not an e-mail address that we can write to. Type a plain one, such as it@example.com.",
      );
    }
    const { user, email, name, workspaceName } = signedInPerson(request, settings);
    if (!email) {
      return problem(
        "mail_not_allowed",
        "Your account at Appse AI has no confirmed e-mail address, and only a confirmed one tells us whose administrator to ask. Confirm your address in Appse AI, then try again.",
      );
    }
    const from: AskedFrom =
      "attemptId" in body
        ? { kind: "attempt", attemptId: attemptId(body.attemptId) }
        : { kind: "connection", connectionId: connectionId(body.connectionId) };
    const [returnTo = ""] = Object.keys(settings.RETURN_PAGES);
    const asked = await requestApproval(
      {
        requester: { user, email, name, workspaceName },
        from,
        returnTo,
        adminEmail: administrator,
      },
      ports,
    );
    if (!asked.ok) {
      logger.warn("approval not requested", {
        failure: asked.failure.kind,
        workspaceId: user.workspaceId,
      });
      return problemOf(asked.failure);
    }
    const answer = asked.value;
    logger.info("approval requested", { workspaceId: user.workspaceId });
    if (answer.status === "verified") return json(200, { status: answer.status });
    const { status, approvalUrl, expiresAt, mail, connectionId: askedFor, mailDomain } = answer;
    return json(200, {
      status,
      approvalUrl: approvalUrl.href,
      expiresAt: expiresAt.toISOString(),
      mail: { status: mail.status, to: mail.to, at: mail.at?.toISOString() },
      connectionId: askedFor,
      mailDomain,
    });
  });
