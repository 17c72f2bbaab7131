import type { TenantId } from "../../shared/domain/ids.ts";
import {
  failureCodeOf,
  idTokenFailureCodeOf,
  type MicrosoftFailure,
} from "../../shared/domain/microsoft.ts";
import { Secret } from "../../shared/domain/secret.ts";
import { readAdminConsentQuery } from "../../shared/http/admin-consent-query.ts";
import { oneTimeValue } from "../../shared/http/api-ids.ts";
import { browserCookie, cookieOf } from "../../shared/http/cookies.ts";
import { type EndpointHandler, endpoint } from "../../shared/http/endpoint.ts";
import { readMicrosoftForm } from "../../shared/http/microsoft-form.ts";
import type { HttpRequest } from "../../shared/http/request.ts";
import { type HttpResponse, page, seeOther } from "../../shared/http/response.ts";
import { returnUrl } from "../../shared/http/return-url.ts";
import { isTopLevel } from "../../shared/http/top-level.ts";
import { type LogFields, logger } from "../../shared/logger.ts";
import {
  approvalDeclinedPage,
  approvalDone,
  approvalExpiredPage,
  approvalMissingPage,
  approvalNeedsAdministratorPage,
  approvalNotAssignedPage,
  approvalOtherOrganisationPage,
  approvalProofMissingPage,
  approvalProofOverPage,
  approvalProofRefusedPage,
  approvalReplacedPage,
  approvalSignInRefusedPage,
  approvalSpreadingPage,
  approvalUnavailablePage,
  approvalUnconfirmedPage,
  approvalUnfinishedPage,
  approvalUnknownPage,
  approvalVerifiedPage,
} from "../../shared/pages/approval-outcome.ts";
import {
  type NotProved,
  type ProveAdministratorPorts,
  proveAdministrator,
} from "./prove-administrator.ts";
import { type NotRecorded, type RecordAnswerPorts, recordAnswer } from "./record-answer.ts";

const cookieName = "__Host-outlook-connect-approval";

export interface AdminConsentCallbackSettings {
  readonly MICROSOFT_AUTHORITY: URL;
  readonly RETURN_PAGES: Readonly<Record<string, URL>>;
}

const cookieSeconds = 600;

/** What a refusal of Microsoft's says of whoever was to approve, or to prove that they did. */
type Ending =
  /** They said no, or turned back. */
  | "declined"
  /** The account is none that may approve. */
  | "no_right"
  /** Microsoft wanted more of them than they gave. */
  | "unfinished"
  /** The account was not let in, whatever it may approve. */
  | "not_let_in"
  /** No account would be: something is switched off or missing in their organisation. */
  | "missing"
  /** Nothing: Microsoft or our service could not answer. */
  | "unavailable";

const endingOf = ({ kind, accountAlone, missingInTenant }: MicrosoftFailure): Ending => {
  if (missingInTenant) return "missing";
  // An account that is locked for a while is no outage.
  if (accountAlone) return "not_let_in";
  switch (kind) {
    case "access_declined":
      return "declined";
    case "admin_approval_required":
      return "no_right";
    case "sign_in_required":
      return "unfinished";
    case "account_disabled":
    case "account_type_not_supported":
    case "tenant_blocked":
      return "not_let_in";
    case "throttled":
    case "temporarily_unavailable":
    case "misconfigured":
    case "app_credential_rejected":
    case "app_refused":
      return "unavailable";
    default:
      return kind satisfies never;
  }
};

const pageOfNotApproved: Readonly<Record<Ending, HttpResponse>> = {
  declined: page(200, approvalDeclinedPage),
  no_right: page(403, approvalNeedsAdministratorPage),
  unfinished: page(403, approvalSignInRefusedPage),
  not_let_in: page(403, approvalSignInRefusedPage),
  missing: page(403, approvalMissingPage),
  unavailable: page(503, approvalUnavailablePage),
};

/** What was approved is not undone by it, so that all but an outage leaves it approved and not confirmed. */
const pageOfNotSignedIn: Readonly<Record<Ending, HttpResponse>> = {
  declined: page(200, approvalUnfinishedPage),
  no_right: page(200, approvalUnfinishedPage),
  unfinished: page(200, approvalUnfinishedPage),
  not_let_in: page(200, approvalProofRefusedPage),
  missing: page(200, approvalProofMissingPage),
  unavailable: page(503, approvalUnavailablePage),
};

/** What the administrator is told when nothing was recorded. */
const pageOfNotRecorded = (failure: NotRecorded): HttpResponse => {
  switch (failure.kind) {
    case "unknown":
      return page(400, approvalUnknownPage);
    case "replaced":
      return page(410, approvalReplacedPage);
    case "expired":
      return page(410, approvalExpiredPage);
    case "approved":
      return page(200, approvalDone());
    case "other_organisation":
      return page(403, approvalOtherOrganisationPage);
    case "refused":
      return pageOfNotApproved[endingOf(failure.refusal)];
    default:
      return failure satisfies never;
  }
};

/** The answer of Microsoft's approval page once more: it begins another proof. */
const anotherProof = ({ tenantId, linkToken }: { tenantId: TenantId; linkToken: Secret }): string =>
  `/admin-consent-callback?${new URLSearchParams({
    admin_consent: "True",
    tenant: tenantId,
    state: linkToken.reveal(),
  })}`;

const pageOfNotProved = (failure: NotProved): HttpResponse => {
  const { kind } = failure;
  switch (kind) {
    case "spreading":
      return page(200, approvalSpreadingPage(anotherProof(failure)));
    case "not_assigned":
      return page(200, approvalNotAssignedPage(anotherProof(failure)));
    case "unknown":
      return page(400, approvalProofOverPage);
    case "not_signed_in":
      return pageOfNotSignedIn["actor" in failure.why ? endingOf(failure.why) : "unavailable"];
    case "other_account":
      return page(403, approvalOtherOrganisationPage);
    case "no_role":
      return page(200, approvalUnconfirmedPage);
    default:
      return kind satisfies never;
  }
};

const fieldsOf = (failure: NotRecorded | NotProved): LogFields => {
  if (failure.kind === "not_assigned") {
    const { actor, evidence } = failure.why;
    return { failure: "approval_not_assigned", actor, microsoft: evidence };
  }
  const why =
    failure.kind === "refused"
      ? failure.refusal
      : failure.kind === "not_signed_in"
        ? failure.why
        : undefined;
  if (!why) return { failure: `approval_${failure.kind}` };
  switch (why.kind) {
    case "id_token_rejected":
      return { failure: idTokenFailureCodeOf(why), check: why.check };
    case "grant_incomplete":
      return { failure: why.kind, missing: [why.missing] };
    default:
      return { failure: failureCodeOf(why), actor: why.actor, microsoft: why.evidence };
  }
};

/** GET: the browser comes from Microsoft's approval page. */
const record = async (
  { query }: HttpRequest,
  { RETURN_PAGES }: AdminConsentCallbackSettings,
  ports: RecordAnswerPorts,
): Promise<HttpResponse> => {
  const answer = readAdminConsentQuery(query);
  if (!answer) {
    logger.warn("approval not understood", { failure: "invalid_request" });
    return page(400, approvalUnknownPage);
  }
  const recorded = await recordAnswer(answer, ports);
  if (!recorded.ok) {
    logger.warn("approval not recorded", fieldsOf(recorded.failure));
    return pageOfNotRecorded(recorded.failure);
  }
  const next = recorded.value;
  switch (next.kind) {
    case "prove":
      return seeOther(next.url, [browserCookie(cookieName, next.browser.reveal(), cookieSeconds)]);
    case "sign_in":
      return seeOther(next.url);
    case "return": {
      const returnPage = RETURN_PAGES[next.to.returnTo];
      if (!returnPage) throw new Error("the attempt names a return page that is no longer listed");
      return seeOther(returnUrl(returnPage, next.to));
    }
    default:
      return next satisfies never;
  }
};

/** POST: the browser comes from the sign-in that proves who it is. */
const prove = async (
  request: HttpRequest,
  { MICROSOFT_AUTHORITY }: AdminConsentCallbackSettings,
  ports: ProveAdministratorPorts,
): Promise<HttpResponse> => {
  const { body, headers } = request;
  const answer = readMicrosoftForm(body, headers["content-type"], MICROSOFT_AUTHORITY);
  const browser = oneTimeValue.safeParse(cookieOf(request, cookieName));
  if (!answer || !browser.success) {
    logger.warn("proof not understood", { failure: "invalid_request" });
    return page(400, approvalProofOverPage);
  }
  const proved = await proveAdministrator({ ...answer, browser: new Secret(browser.data) }, ports);
  if (!proved.ok) {
    logger.warn("approval not proved", fieldsOf(proved.failure));
    return pageOfNotProved(proved.failure);
  }
  const next = proved.value;
  const goOn = (url: URL) =>
    seeOther(url, [browserCookie(cookieName, browser.data, cookieSeconds)]);
  switch (next.kind) {
    case "verified":
      return page(200, approvalVerifiedPage(next.mailDomain));
    case "show":
      logger.info("approval cannot be proved silently", { microsoft: next.evidence });
      return goOn(next.url);
    case "confirm":
      return goOn(next.url);
    default:
      return next satisfies never;
  }
};

/** GET and POST /admin-consent-callback: Microsoft sends an administrator's browser here. */
export const adminConsentCallbackHandler = (
  settings: AdminConsentCallbackSettings,
  ports: RecordAnswerPorts & ProveAdministratorPorts,
): EndpointHandler =>
  endpoint(
    async (request) => {
      if (!isTopLevel(request)) {
        logger.warn("approval brought out of sight", { failure: "not_top_level" });
        return page(400, approvalUnknownPage);
      }
      return request.route.startsWith("POST ")
        ? prove(request, settings, ports)
        : record(request, settings, ports);
    },
    () => page(503, approvalUnavailablePage),
  );
