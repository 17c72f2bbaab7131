import { createHash, randomBytes } from "node:crypto";
import {
  type AuthorizationAttempts,
  attemptLifetimeSeconds,
  type NewAttempt,
} from "../../shared/domain/attempt.ts";
import { type Connections, connectionsPerOwner } from "../../shared/domain/connection.ts";
import { guidingSoon } from "../../shared/domain/guiding.ts";
import {
  type AttemptId,
  attemptIdOf,
  type ConnectionId,
  type ProductUser,
  personalAccountsTenant,
  type TenantId,
} from "../../shared/domain/ids.ts";
import type { MailAddress } from "../../shared/domain/mail-address.ts";
import type {
  AdminConsentUrlRequest,
  Authority,
  AuthorizationRequest,
} from "../../shared/domain/microsoft.ts";
import { requestedScopes } from "../../shared/domain/permissions.ts";
import { fail, type Result, succeed } from "../../shared/domain/result.ts";
import type { SignInSealer } from "../../shared/domain/sealer.ts";
import { Secret } from "../../shared/domain/secret.ts";
import {
  type ConsentStatus,
  needsApproval,
  type Organisation,
  type OrganisationPorts,
  organisationOf,
  type TenantConsents,
} from "../../shared/domain/tenant-consent.ts";

export interface StartRequest {
  readonly user: ProductUser;
  /** Their address at the product, if it is known. */
  readonly email: MailAddress | undefined;
  /** A key of the fixed list of return pages. */
  readonly returnTo: string;
  /** The account the person means to connect; saves them the account picker. */
  readonly loginHint: string | undefined;
  /** An existing connection to sign in to again. */
  readonly connectionId: ConnectionId | undefined;
  /** The person is an administrator, and approves for the whole organisation first. */
  readonly forOrganization: boolean;
}

export interface StartedAttempt {
  readonly attemptId: AttemptId;
  readonly authorizationUrl: URL;
  readonly expiresAt: Date;
  /** Set where the person is about to be turned away: somebody of their organisation was. */
  readonly adminApproval: ConsentStatus | undefined;
}

export type StartFailure =
  | { readonly kind: "connection_unknown" }
  /** A private mailbox has no organisation that could approve. */
  | { readonly kind: "personal_account" }
  | { readonly kind: "too_many_attempts" }
  /** The person has {@link connectionsPerOwner} of them, and would connect another one. */
  | { readonly kind: "too_many_connections" };

export interface StartAuthorizationPorts extends OrganisationPorts {
  readonly attempts: Pick<AuthorizationAttempts, "begin">;
  readonly connections: Pick<Connections, "findOwned" | "hasAtLeast">;
  readonly sealer: Pick<SignInSealer, "seal">;
  readonly consents: Pick<TenantConsents, "find">;
  readonly authorizationUrl: (request: AuthorizationRequest) => URL;
  readonly adminConsentUrl: (request: AdminConsentUrlRequest) => URL;
  /** Where a first connect signs in: are personal accounts welcome? */
  readonly firstAuthority: "organizations" | "common";
  readonly now: () => Date;
  /** Told when nobody could tell whether the person is about to be turned away. */
  readonly report: (left: "approval_not_read", error: unknown) => void;
}

/** 256 bits. RFC 9700 §4.7.1, RFC 7636 §4.1 */
const randomValue = () => randomBytes(32).toString("base64url");

/** RFC 7636 §4.2 */
const challengeOf = (codeVerifier: string) =>
  createHash("sha256").update(codeVerifier).digest("base64url");

const authorityOf = (tenant: TenantId): Authority =>
  tenant === personalAccountsTenant ? "consumers" : tenant;

/** Whether the person is about to be turned away, as far as is known of the organisation whose approval they need. */
const approvalNeeded = async (
  tenant: TenantId | undefined,
  { user, email }: StartRequest,
  ports: StartAuthorizationPorts,
): Promise<ConsentStatus | undefined> => {
  if (tenant === personalAccountsTenant) return undefined;
  const organisation: Organisation = tenant
    ? { kind: "tenant", tenantId: tenant }
    : await organisationOf({ user, email }, ports);
  const consent = await ports.consents.find(organisation);
  // Nobody alone is warned of what only they have told, who may just have turned back.
  const isOwnGuess =
    organisation.kind === "person" && consent.status === "blocked" && !consent.blockIsCertain;
  return needsApproval(consent) && !isOwnGuess ? consent.status : undefined;
};

/** Begins a sign-in at Microsoft and remembers what has to match when the person comes back. */
export const startAuthorization = async (
  request: StartRequest,
  ports: StartAuthorizationPorts,
): Promise<Result<StartedAttempt, StartFailure>> => {
  const { user, returnTo, loginHint, connectionId, forOrganization } = request;
  const { attempts, connections, sealer, firstAuthority, now, report } = ports;
  const known =
    connectionId === undefined ? undefined : await connections.findOwned(connectionId, user);
  if (connectionId !== undefined && !known) return fail({ kind: "connection_unknown" });
  const tenant = known?.account.tenantId;
  if (forOrganization && tenant === personalAccountsTenant) {
    return fail({ kind: "personal_account" });
  }
  if (!known && (await connections.hasAtLeast(connectionsPerOwner, user, now()))) {
    return fail({ kind: "too_many_connections" });
  }

  const state = randomValue();
  const nonce = randomValue();
  const codeVerifier = randomValue();
  const id = attemptIdOf(state);
  const createdAt = now();
  const attempt: NewAttempt = {
    id,
    user,
    authority: known ? authorityOf(known.account.tenantId) : firstAuthority,
    requestedScopes,
    returnTo,
    reconnect: known && {
      connectionId: known.id,
      account: { tenantId: known.account.tenantId, objectId: known.account.objectId },
    },
    forOrganization,
    sealedSecrets: await sealer.seal(new Secret(JSON.stringify({ codeVerifier, nonce })), {
      purpose: "attempt_secrets",
      attemptId: id,
    }),
    createdAt,
    expiresAt: new Date(createdAt.getTime() + attemptLifetimeSeconds * 1000),
  };
  const [hasBegun, adminApproval] = await Promise.all([
    attempts.begin(attempt),
    forOrganization
      ? undefined
      : guidingSoon(
          () => approvalNeeded(tenant, request, ports),
          (error) => report("approval_not_read", error),
        ),
  ]);
  if (!hasBegun) return fail({ kind: "too_many_attempts" });

  const started = { attemptId: id, expiresAt: attempt.expiresAt, adminApproval };
  if (forOrganization) {
    // The same state comes back from the approval and from the sign-in that follows it.
    const url = ports.adminConsentUrl({ tenant, state: new Secret(state) });
    return succeed({ ...started, authorizationUrl: url });
  }
  const hint = known?.account.username || loginHint;
  return succeed({
    ...started,
    authorizationUrl: ports.authorizationUrl({
      authority: attempt.authority,
      state: new Secret(state),
      nonce: new Secret(nonce),
      codeChallenge: challengeOf(codeVerifier),
      ...(hint !== undefined && { loginHint: hint }),
      ...(known?.pendingClaims !== undefined && { claims: known.pendingClaims }),
    }),
  });
};
