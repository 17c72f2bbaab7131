import type { TokenVault } from "./token-vault.ts";

/** Where refresh tokens can be: a secret each, or an item each of a table. */
export type TokenVaultKind = "secrets-manager" | "table";

/** Names of entries in the table begin with it; those of secrets begin with the stage's prefix. */
export const tableEntryPrefix = "table:";

export const vaultKindOf = (entry: string): TokenVaultKind =>
  entry.startsWith(tableEntryPrefix) ? "table" : "secrets-manager";

/** Both kinds of names end in the connection's id and a UUID, parted by slashes. */
export const connectionOfEntry = (entry: string): string => {
  const name = entry.startsWith(tableEntryPrefix) ? entry.slice(tableEntryPrefix.length) : entry;
  return name.split("/").at(-2) ?? "";
};

export type TokenVaultsByKind<Part> = Readonly<Record<TokenVaultKind, Part>>;

/** Erases an entry wherever it is. */
export const vaultErasers = (
  vaults: TokenVaultsByKind<Pick<TokenVault, "erase">>,
): Pick<TokenVault, "erase"> => ({
  erase: (entry) => vaults[vaultKindOf(entry)].erase(entry),
});

export interface TokenVaults extends TokenVault {
  /** Whether an entry is where new ones are made. What is not moves there at its next refresh. */
  isInPlace(entry: string): boolean;
}

/** Both vaults as one: an entry is found by its name, and new ones are made in the chosen one. */
export const tokenVaults = (
  vaults: TokenVaultsByKind<TokenVault>,
  chosen: TokenVaultKind,
): TokenVaults => ({
  create: (owner, refreshToken) => vaults[chosen].create(owner, refreshToken),
  read: (entry, owner) => vaults[vaultKindOf(entry)].read(entry, owner),
  replace: (entry, owner, refreshToken) =>
    vaults[vaultKindOf(entry)].replace(entry, owner, refreshToken),
  ...vaultErasers(vaults),
  isInPlace: (entry) => vaultKindOf(entry) === chosen,
});
