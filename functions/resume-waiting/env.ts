import * as z from "zod/mini";
import {
  mailEnv,
  microsoftClientEnv,
  returnPagesEnv,
  supportEnv,
  tenantConsentsEnv,
} from "../../shared/config.ts";

export const resumeWaitingEnv = z.object({
  ...mailEnv,
  ...microsoftClientEnv,
  ...returnPagesEnv,
  ...supportEnv,
  ...tenantConsentsEnv,
});
export type ResumeWaitingEnv = z.input<typeof resumeWaitingEnv>;
