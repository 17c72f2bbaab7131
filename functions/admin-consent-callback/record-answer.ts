import type { AdminConsentAnswer } from "../../shared/domain/admin-consent-answer.ts";
import type { AuthorizationAttempts, Refusal } from "../../shared/domain/attempt.ts";
import { type ConsentRequests, isAnsweredBy } from "../../shared/domain/consent-request.ts";
import { attemptIdOf, hashOf } from "../../shared/domain/ids.ts";
import type { AuthorizationRequest, MicrosoftFailure } from "../../shared/domain/microsoft.ts";
import { type ParkAnswerPorts, parkAnswer, type Return } from "../../shared/domain/park-answer.ts";
import { fail, type Result, succeed } from "../../shared/domain/result.ts";
import type { SignInSealer } from "../../shared/domain/sealer.ts";
import { Secret } from "../../shared/domain/secret.ts";
import {
  type RecordPorts,
  recordEvent,
  type TenantConsents,
} from "../../shared/domain/tenant-consent.ts";
import { type BeginProofPorts, beginProof, randomValue } from "./begin-proof.ts";
import { challengeOf, codeVerifierAndNonce } from "./sign-in-secrets.ts";

/** Where the browser goes next. */
export type NextStep =
  /** To sign in once more, so that it is proved who approved. The value goes into the browser's cookie. */
  | { readonly kind: "prove"; readonly url: URL; readonly browser: Secret }
  /** To sign in to the mailbox, in the tenant that was approved. */
  | { readonly kind: "sign_in"; readonly url: URL }
  /** Back to the product, with Microsoft's refusal parked. */
  | { readonly kind: "return"; readonly to: Return };

export type NotRecorded =
  | { readonly kind: "unknown" }
  | { readonly kind: "replaced" }
  | { readonly kind: "expired" }
  | { readonly kind: "approved" }
  | { readonly kind: "other_organisation" }
  | { readonly kind: "refused"; readonly refusal: MicrosoftFailure };

export interface RecordAnswerPorts
  extends Omit<RecordPorts, "consents">,
    ParkAnswerPorts,
    BeginProofPorts {
  readonly attempts: Pick<AuthorizationAttempts, "park" | "find" | "narrow" | "noteLateAnswer">;
  readonly requests: Pick<ConsentRequests, "findByLink">;
  readonly consents: Pick<TenantConsents, "find" | "record">;
  readonly sealer: SignInSealer;
  /** What a refusal in Microsoft's redirect means. */
  readonly meaningOf: (refusal: Refusal) => MicrosoftFailure;
  readonly authorizationUrl: (request: AuthorizationRequest) => URL;
}

/**
 * Takes what a browser brought from Microsoft's approval page. All of it can be forged, so it moves an organisation
 * to `reported` at most, and only the one that a live link was made for.
 */
export const recordAnswer = async (
  answer: AdminConsentAnswer,
  ports: RecordAnswerPorts,
): Promise<Result<NextStep, NotRecorded>> => {
  const { requests, consents, meaningOf, now } = ports;
  const { state, outcome } = answer;
  const tokenHash = hashOf("approval_link", state.reveal());
  const linked = await requests.findByLink(tokenHash);
  if (!linked) return continueAttempt(answer, ports);

  const { request, isCurrent } = linked;
  const { organisation } = request;
  const isAnswered = isAnsweredBy(request, await consents.find(organisation));
  if (isAnswered) return fail({ kind: "approved" });
  if (!isCurrent || request.notifiedAt) return fail({ kind: "replaced" });
  if (request.expiresAt <= now()) return fail({ kind: "expired" });
  if (outcome.kind === "refusal") {
    return fail({ kind: "refused", refusal: meaningOf(outcome.refusal) });
  }
  const { tenantId } = outcome;
  if (organisation.kind === "tenant" && organisation.tenantId !== tenantId) {
    return fail({ kind: "other_organisation" });
  }
  await recordEvent(organisation, { kind: "reported" }, ports);

  const browser = new Secret(randomValue());
  const url = await beginProof(
    { tenantId, tokenHash, linkToken: state, browser, step: "silent", provenRoles: [] },
    ports,
  );
  return succeed({ kind: "prove", url, browser });
};

/** An administrator who connects their own mailbox: the same sign-in goes on, or ends with the refusal. */
const continueAttempt = async (
  { state, outcome }: AdminConsentAnswer,
  ports: RecordAnswerPorts,
): Promise<Result<NextStep, NotRecorded>> => {
  const attemptId = attemptIdOf(state.reveal());
  const attempt = await ports.attempts.find(attemptId);
  if (!attempt?.forOrganization) return fail({ kind: "unknown" });
  if (outcome.kind === "refusal") {
    const parked = await parkAnswer({ state, outcome }, ports);
    return parked.ok ? succeed({ kind: "return", to: parked.value }) : fail({ kind: "unknown" });
  }
  const narrowed = await ports.attempts.narrow(attemptId, outcome.tenantId, ports.now());
  if (!narrowed) {
    const to = { attemptId, returnTo: attempt.returnTo, completion: undefined };
    return succeed({ kind: "return", to });
  }
  const secrets = await ports.sealer.open(narrowed.sealedSecrets, {
    purpose: "attempt_secrets",
    attemptId,
  });
  const { codeVerifier, nonce } = codeVerifierAndNonce(secrets);
  const url = ports.authorizationUrl({
    authority: outcome.tenantId,
    state,
    nonce,
    codeChallenge: challengeOf(codeVerifier.reveal()),
    isSignedIn: true,
  });
  return succeed({ kind: "sign_in", url });
};
