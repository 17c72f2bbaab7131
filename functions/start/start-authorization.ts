import { createHash, randomBytes } from "node:crypto";
import {
  type AuthorizationAttempts,
  attemptLifetimeSeconds,
  type NewAttempt,
} from "../../shared/domain/attempt.ts";
import type { Connections } from "../../shared/domain/connection.ts";
import {
  type AttemptId,
  attemptIdOf,
  type ConnectionId,
  type ProductUser,
  personalAccountsTenant,
  type TenantId,
} from "../../shared/domain/ids.ts";
import type { Authority, AuthorizationRequest } from "../../shared/domain/microsoft.ts";
import { requestedScopes } from "../../shared/domain/permissions.ts";
import { fail, type Result, succeed } from "../../shared/domain/result.ts";
import type { Sealer } from "../../shared/domain/sealer.ts";
import { Secret } from "../../shared/domain/secret.ts";

export interface StartRequest {
  readonly user: ProductUser;
  /** A key of the fixed list of return pages. */
  readonly returnTo: string;
  /** The account the person means to connect; saves them the account picker. */
  readonly loginHint: string | undefined;
  /** An existing connection to sign in to again. */
  readonly connectionId: ConnectionId | undefined;
}

export interface StartedAttempt {
  readonly attemptId: AttemptId;
  readonly authorizationUrl: URL;
  readonly expiresAt: Date;
}

export type StartFailure =
  | { readonly kind: "connection_unknown" }
  | { readonly kind: "too_many_attempts" };

export interface StartAuthorizationPorts {
  readonly attempts: Pick<AuthorizationAttempts, "begin">;
  readonly connections: Pick<Connections, "findOwned">;
  readonly sealer: Pick<Sealer, "seal">;
  readonly authorizationUrl: (request: AuthorizationRequest) => URL;
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

/** Begins a sign-in at Microsoft and remembers what has to match when the person comes back. */
export const startAuthorization = async (
  { user, returnTo, loginHint, connectionId }: StartRequest,
  { attempts, connections, sealer, authorizationUrl, firstAuthority, now }: StartAuthorizationPorts,
): Promise<Result<StartedAttempt, StartFailure>> => {
  const known =
    connectionId === undefined ? undefined : await connections.findOwned(connectionId, user);
  if (connectionId !== undefined && !known) return fail({ kind: "connection_unknown" });

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
    sealedSecrets: await sealer.seal(new Secret(JSON.stringify({ codeVerifier, nonce })), {
      purpose: "attempt_secrets",
      attemptId: id,
    }),
    createdAt,
    expiresAt: new Date(createdAt.getTime() + attemptLifetimeSeconds * 1000),
  };
  if (!(await attempts.begin(attempt))) return fail({ kind: "too_many_attempts" });

  const hint = known?.account.username || loginHint;
  return succeed({
    attemptId: id,
    authorizationUrl: authorizationUrl({
      authority: attempt.authority,
      state: new Secret(state),
      nonce: new Secret(nonce),
      codeChallenge: challengeOf(codeVerifier),
      ...(hint !== undefined && { loginHint: hint }),
      ...(known?.pendingClaims !== undefined && { claims: known.pendingClaims }),
    }),
    expiresAt: attempt.expiresAt,
  });
};
