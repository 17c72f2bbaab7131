import { createSecretKey } from "node:crypto";
import type { VaultKeys } from "../../shared/adapters/jwe/opener.ts";
import { jweSealer } from "../../shared/adapters/jwe/sealer.ts";
import {
  connectionIdOf,
  objectId,
  type ProductUser,
  tenantId,
  userId,
  workspaceId,
} from "../../shared/domain/ids.ts";
import type {
  Grant,
  MicrosoftFailure,
  MicrosoftFailureKind,
  RefreshedTokens,
} from "../../shared/domain/microsoft.ts";
import type { Binding, Sealer } from "../../shared/domain/sealer.ts";
import { Secret } from "../../shared/domain/secret.ts";

export const alice: ProductUser = { userId: userId("alice"), workspaceId: workspaceId("ws_north") };
export const mallory: ProductUser = {
  userId: userId("mallory"),
  workspaceId: workspaceId("ws_north"),
};
/** Alice's namesake in another workspace. */
export const strangerAlice: ProductUser = {
  userId: userId("alice"),
  workspaceId: workspaceId("ws_south"),
};

export const account = {
  tenantId: tenantId("3b0f5c1e-7a42-4d89-9e15-c2f68ab01d37"),
  objectId: objectId("1f6b3c9d-8e42-4a75-b0d1-5c7e9f2a4b16"),
  displayName: "Alice Example",
  username: "alice@north.example",
};

export const alicesConnection = connectionIdOf(alice, account);

export const noon = new Date("2026-03-01T12:00:00.000Z");

export const secondsAfter = (instant: Date, seconds: number) =>
  new Date(instant.getTime() + seconds * 1000);

export const grant: Grant = {
  account,
  accountType: "member",
  roles: [],
  accessToken: new Secret("access-token-1"),
  accessTokenExpiresAt: secondsAfter(noon, 3600),
  refreshToken: new Secret("refresh-token-1"),
  scopes: ["User.Read", "Mail.ReadWrite", "Mail.Send"],
};

export const refreshedTokens: RefreshedTokens = {
  accessToken: new Secret("access-token-2"),
  accessTokenExpiresAt: secondsAfter(noon, 7200),
  refreshToken: new Secret("refresh-token-2"),
  scopes: grant.scopes,
};

/** Every class of refusal, with what Microsoft's adapter says of it. */
export const microsoftFailures: Record<
  MicrosoftFailureKind,
  Pick<MicrosoftFailure, "actor" | "retryable">
> = {
  access_declined: { actor: "user", retryable: false },
  admin_approval_required: { actor: "tenant_admin", retryable: false },
  sign_in_required: { actor: "user", retryable: false },
  account_type_not_supported: { actor: "user", retryable: false },
  account_disabled: { actor: "tenant_admin", retryable: false },
  tenant_blocked: { actor: "tenant_admin", retryable: false },
  throttled: { actor: "nobody", retryable: true },
  temporarily_unavailable: { actor: "nobody", retryable: true },
  app_credential_rejected: { actor: "operator", retryable: false },
  app_refused: { actor: "operator", retryable: false },
  misconfigured: { actor: "operator", retryable: false },
};

export const microsoftFailureKinds = Object.keys(microsoftFailures) as MicrosoftFailureKind[];

export const microsoftFailure = (
  kind: MicrosoftFailureKind,
  changes: Partial<MicrosoftFailure> = {},
): MicrosoftFailure => ({
  kind,
  ...microsoftFailures[kind],
  message: `A sentence about ${kind}.`,
  certain: true,
  evidence: { error: "invalid_grant", errorCodes: [50_000], httpStatus: 400 },
  ...changes,
});

const key = { id: "key-1", key: createSecretKey(Buffer.alloc(32, 7)) };

/** A constant key. */
export const sampleVaultKeys: VaultKeys = {
  current: async () => key,
  byId: async (id) => {
    if (id !== key.id) throw new Error("there is no such key");
    return key;
  },
};

/** The real sealer under it, for everything. */
export const sampleSealer: Sealer<Binding> = jweSealer(sampleVaultKeys);
