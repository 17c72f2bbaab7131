import { Secret } from "../../shared/domain/secret.ts";
import type { TokenVault, VaultOwner } from "../../shared/domain/token-vault.ts";
import { type TokenVaultKind, tableEntryPrefix } from "../../shared/domain/token-vaults.ts";

export interface MemoryVault extends TokenVault {
  /** What it holds, by entry. */
  readonly entries: ReadonlyMap<string, { readonly owner: VaultOwner; readonly token: Secret }>;
  /** Puts an entry back that is gone, as an operator does from a backup. */
  restore(entry: string, owner: VaultOwner, token: Secret): Promise<void>;
}

const isSame = (left: VaultOwner, right: VaultOwner) =>
  left.connectionId === right.connectionId &&
  left.workspaceId === right.workspaceId &&
  left.tenantId === right.tenantId &&
  left.objectId === right.objectId;

/** @param kind Which of the two it is; its entries are named accordingly. */
export const memoryVault = (kind: TokenVaultKind = "secrets-manager"): MemoryVault => {
  const entries = new Map<string, { readonly owner: VaultOwner; readonly token: Secret }>();
  let created = 0;
  return {
    entries,
    create: async (owner, refreshToken) => {
      created += 1;
      const prefix = kind === "table" ? tableEntryPrefix : "vault/";
      const entry = `${prefix}${owner.connectionId}/${created}`;
      entries.set(entry, { owner, token: new Secret(refreshToken.reveal()) });
      return entry;
    },
    read: async (entry, owner) => {
      const found = entries.get(entry);
      if (found && !isSame(found.owner, owner)) throw new Error("the entry of another connection");
      return found?.token;
    },
    replace: async (entry, owner, refreshToken) => {
      if (!entries.has(entry)) throw new Error("there is no such entry");
      entries.set(entry, { owner, token: refreshToken });
    },
    erase: async (entry) => {
      entries.delete(entry);
    },
    restore: async (entry, owner, token) => {
      entries.set(entry, { owner, token });
    },
  };
};
