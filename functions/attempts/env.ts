import * as z from "zod/mini";
import { attemptsEnv as attemptsTableEnv, productClaimsEnv } from "../../shared/config.ts";

export const attemptsEnv = z.object({ ...attemptsTableEnv, ...productClaimsEnv });
export type AttemptsEnv = z.input<typeof attemptsEnv>;
