import type { Secret } from "./secret.ts";

/** Which vault keys: those that seal what sign-ins and approvals leave in the tables, or those that seal tokens. */
export type VaultKeysFor = "sign_in" | "token";

/** Versions of a secret that holds vault keys, and the staging labels that keep them. */
export interface KeyVersions {
  /** Whether rotation is on, and the labels of every version that has any. */
  describe(): Promise<{
    readonly isRotated: boolean;
    readonly labels: ReadonlyMap<string, readonly string[]>;
  }>;
  /** The value of a version; `undefined` if it has none yet. */
  valueOf(versionId: string): Promise<Secret | undefined>;
  /** Gives a version its value and the label `AWSPENDING`. One that has a value keeps it. */
  store(versionId: string, value: Secret): Promise<void>;
  /** Moves a label from the version that has it, or takes it away. */
  moveLabel(
    label: string,
    move: { readonly from?: string | undefined; readonly to?: string },
  ): Promise<void>;
}
