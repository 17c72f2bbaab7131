import * as z from "zod/mini";
import { connectionsEnv, refreshTokensEnv } from "../../shared/config.ts";

export const requireSignInEnv = z.object({ ...connectionsEnv, ...refreshTokensEnv });
export type RequireSignInEnv = z.input<typeof requireSignInEnv>;
