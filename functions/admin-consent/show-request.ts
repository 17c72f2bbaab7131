import {
  type ConsentRequest,
  type ConsentRequests,
  isAnsweredBy,
  type OthersWaiting,
} from "../../shared/domain/consent-request.ts";
import { hashOf } from "../../shared/domain/ids.ts";
import type { AdminConsentUrlRequest } from "../../shared/domain/microsoft.ts";
import type { Secret } from "../../shared/domain/secret.ts";
import { isForgotten, type SignInFrequencies } from "../../shared/domain/sign-in-frequency.ts";
import {
  type NoteStep,
  type Organisation,
  organisationKey,
  type TenantConsents,
} from "../../shared/domain/tenant-consent.ts";

/** What an approval link shows. */
export type ApprovalLink =
  | {
      readonly kind: "open";
      readonly request: ConsentRequest;
      /** How many others of the organisation wait. */
      readonly others: OthersWaiting;
      /** A browser said that it is approved, and nobody has proved it. */
      readonly isReported: boolean;
      readonly consentUrl: URL;
      /** The organisation asks for a new sign-in at least so often, if that was learnt. */
      readonly signInFrequencySeconds: number | undefined;
    }
  | {
      readonly kind: "approved";
      readonly signInFrequencySeconds: number | undefined;
    }
  | { readonly kind: "expired" }
  /** Its requester has a newer link, or it has served its purpose. */
  | { readonly kind: "replaced" }
  | { readonly kind: "unknown" };

export interface ShowRequestPorts {
  readonly requests: Pick<ConsentRequests, "findByLink" | "othersWaiting">;
  readonly consents: Pick<TenantConsents, "find">;
  readonly frequencies: Pick<SignInFrequencies, "find">;
  readonly adminConsentUrl: (request: AdminConsentUrlRequest) => URL;
  readonly noteStep: NoteStep;
  readonly now: () => Date;
}

/** A larger number helps nobody to decide. */
const mostCounted = 20;

/** Only of a tenant: a person alone has no Conditional Access. */
const knownFrequency = async (
  organisation: Organisation,
  { frequencies, now }: Pick<ShowRequestPorts, "frequencies" | "now">,
): Promise<number | undefined> => {
  if (organisation.kind !== "tenant") return undefined;
  const frequency = await frequencies.find(organisation.tenantId);
  return frequency && !isForgotten(frequency, now()) ? frequency.atMostSeconds : undefined;
};

/**
 * Shows who asks for an approval. Mail scanners, previews and people may open it as often as they like: it changes
 * nothing.
 */
export const showRequest = async (
  token: Secret,
  { requests, consents, frequencies, adminConsentUrl, noteStep, now }: ShowRequestPorts,
): Promise<ApprovalLink> => {
  const linked = await requests.findByLink(hashOf("approval_link", token.reveal()));
  if (!linked) return { kind: "unknown" };
  const { request, isCurrent } = linked;
  const { organisation } = request;
  noteStep({ step: "opened", organisation: organisationKey(organisation) });
  const consent = await consents.find(organisation);
  const signInFrequencySeconds = await knownFrequency(organisation, { frequencies, now });
  if (isAnsweredBy(request, consent)) return { kind: "approved", signInFrequencySeconds };
  if (!isCurrent || request.notifiedAt) return { kind: "replaced" };
  if (request.expiresAt <= now()) return { kind: "expired" };

  return {
    kind: "open",
    request,
    others: await requests.othersWaiting(request, mostCounted),
    isReported: consent.status === "reported",
    signInFrequencySeconds,
    consentUrl: adminConsentUrl({
      tenant: organisation.kind === "tenant" ? organisation.tenantId : undefined,
      state: token,
    }),
  };
};
