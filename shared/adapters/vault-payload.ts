import * as z from "zod/mini";
import { Secret } from "../domain/secret.ts";
import type { VaultOwner } from "../domain/token-vault.ts";
import { parseSecretJson } from "./secrets-manager/secret-json.ts";

const payload = z.object({
  connectionId: z.string(),
  workspaceId: z.string(),
  tenantId: z.string(),
  objectId: z.string(),
  refreshToken: z.string().check(z.minLength(1)),
});

/** What an entry of a vault holds: the token beside whose it is. */
export const vaultPayload = (owner: VaultOwner, refreshToken: Secret): Secret =>
  new Secret(
    JSON.stringify({
      connectionId: owner.connectionId,
      workspaceId: owner.workspaceId,
      tenantId: owner.tenantId,
      objectId: owner.objectId,
      refreshToken: refreshToken.reveal(),
    } satisfies z.input<typeof payload>),
  );

/** @throws if it belongs to another owner */
export const tokenInPayload = (text: Secret, owner: VaultOwner): Secret => {
  const { refreshToken, ...named } = payload.parse(parseSecretJson(text));
  const belongs =
    named.connectionId === owner.connectionId &&
    named.workspaceId === owner.workspaceId &&
    named.tenantId === owner.tenantId &&
    named.objectId === owner.objectId;
  if (!belongs) throw new Error("a vault entry holds the token of another connection");
  return new Secret(refreshToken);
};
