import * as z from "zod/mini";
import { vaultKeysEnv } from "../../shared/config.ts";

export const rotateVaultKeysEnv = z.object(vaultKeysEnv);
export type RotateVaultKeysEnv = z.input<typeof rotateVaultKeysEnv>;
