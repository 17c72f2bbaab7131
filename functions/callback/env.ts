import * as z from "zod/mini";
import { attemptsEnv, microsoftEnv, returnPagesEnv, signInKeysEnv } from "../../shared/config.ts";

export const callbackEnv = z.object({
  ...attemptsEnv,
  MICROSOFT_AUTHORITY: microsoftEnv.MICROSOFT_AUTHORITY,
  ...returnPagesEnv,
  ...signInKeysEnv,
});
export type CallbackEnv = z.input<typeof callbackEnv>;
