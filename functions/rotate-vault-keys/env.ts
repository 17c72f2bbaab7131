import * as z from "zod/mini";
import { signInKeysEnv, tokenKeysEnv } from "../../shared/config.ts";

export const rotateVaultKeysEnv = z.object({ ...signInKeysEnv, ...tokenKeysEnv });
export type RotateVaultKeysEnv = z.input<typeof rotateVaultKeysEnv>;
