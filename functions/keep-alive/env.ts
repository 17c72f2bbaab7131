import * as z from "zod/mini";
import { connectionsEnv } from "../../shared/config.ts";

export const keepAliveEnv = z.object({
  ...connectionsEnv,
  TOKEN_FETCH_FUNCTION: z.string().check(z.minLength(1)),
});
export type KeepAliveEnv = z.input<typeof keepAliveEnv>;
