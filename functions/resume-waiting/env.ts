import * as z from "zod/mini";
import {
  mailEnv,
  microsoftClientEnv,
  returnPagesEnv,
  tenantConsentsEnv,
} from "../../shared/config.ts";

export const resumeWaitingEnv = z.object({
  ...mailEnv,
  ...microsoftClientEnv,
  ...returnPagesEnv,
  ...tenantConsentsEnv,
});
export type ResumeWaitingEnv = z.input<typeof resumeWaitingEnv>;
