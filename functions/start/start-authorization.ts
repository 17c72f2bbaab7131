import { createHash, randomBytes } from "node:crypto";
import {
  type AuthorizationAttempts,
  attemptLifetimeSeconds,
  type NewAttempt,
} from "../../shared/domain/attempt.ts";
import { type Connections, connectionsPerOwner } from "../../shared/domain/connection.ts";
import {
  type AttemptId,
  attemptIdOf,
  type ConnectionId,
  type ProductUser,
  personalAccountsTenant,
  type TenantId,
} from "../../shared/domain/ids.ts";
import { domainOf, type MailAddress } from "../../shared/domain/mail-address.ts";
import type {
  AdminConsentUrlRequest,
  Authority,
  AuthorizationRequest,
} from "../../shared/domain/microsoft.ts";
import { requestedScopes } from "../../shared/domain/permissions.ts";
import { fail, type Result, succeed } from "../../shared/domain/result.ts";
import type { Sealer } from "../../shared/domain/sealer.ts";
import { Secret } from "../../shared/domain/secret.ts";
import {
  type ConsentStatus,
  needsApproval,
  type Organisation,
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

export interface StartAuthorizationPorts {
  readonly attempts: Pick<AuthorizationAttempts, "begin">;
  readonly connections: Pick<Connections, "findOwned" | "hasAtLeast">;
  readonly sealer: Pick<Sealer, "seal">;
  readonly consents: Pick<TenantConsents, "find">;
  readonly authorizationUrl: (request: AuthorizationRequest) => URL;
  readonly adminConsentUrl: (request: AdminConsentUrlRequest) => URL;
  /** Where a first connect signs in: are personal accounts welcome? */
  readonly firstAuthority: "organizations" | "common";
  readonly now: () => Date;
}

/** 256 bits. RFC 9700 §4.7.1, RFC 7636 §4.1 */
const randomValue = () => randomBytes(32).toString("base64url");

/** RFC 7636 §4.2 */
const challengeOf = (codeVerifier: string) =>
  createHash("sha256").update(codeVerifier).digest("base64url");

const authorityOf = (tenant: TenantId): Authority =>
  tenant === personalAccountsTenant ? "consumers" : tenant;

/** Without asking Microsoft: the tenant of a connection, or else the person's mail domain. */
const knownOrganisation = (
  tenant: TenantId | undefined,
  email: MailAddress | undefined,
): Organisation | undefined => {
  if (tenant === personalAccountsTenant) return undefined;
  if (tenant) return { kind: "tenant", tenantId: tenant };
  return email && { kind: "domain", mailDomain: domainOf(email) };
};

const approvalNeeded = async (
  tenant: TenantId | undefined,
  email: MailAddress | undefined,
  consents: StartAuthorizationPorts["consents"],
): Promise<ConsentStatus | undefined> => {
  const organisation = knownOrganisation(tenant, email);
  if (!organisation) return undefined;
  const consent = await consents.find(organisation);
  return needsApproval(consent) ? consent.status : undefined;
};

/** Begins a sign-in at Microsoft and remembers what has to match when the person comes back. */
export const startAuthorization = async (
  { user, email, returnTo, loginHint, connectionId, forOrganization }: StartRequest,
  ports: StartAuthorizationPorts,
): Promise<Result<StartedAttempt, StartFailure>> => {
  const { attempts, connections, consents, sealer, firstAuthority, now } = ports;
  const known =
    connectionId === undefined ? undefined : await connections.findOwned(connectionId, user);
  if (connectionId !== undefined && !known) return fail({ kind: "connection_unknown" });
  const tenant = known?.account.tenantId;
  if (forOrganization && tenant === personalAccountsTenant) {
    return fail({ kind: "personal_account" });
  }
  if (!known && (await connections.hasAtLeast(connectionsPerOwner, user))) {
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
  if (!(await attempts.begin(attempt))) return fail({ kind: "too_many_attempts" });

  const started = { attemptId: id, expiresAt: attempt.expiresAt };
  if (forOrganization) {
    // The same state comes back from the approval and from the sign-in that follows it.
    const url = ports.adminConsentUrl({ tenant, state: new Secret(state) });
    return succeed({ ...started, authorizationUrl: url, adminApproval: undefined });
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
    adminApproval: await approvalNeeded(tenant, email, consents),
  });
};
