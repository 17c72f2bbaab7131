import * as z from "zod/mini";
import { microsoftClientEnv, tenantConsentsEnv } from "../../shared/config.ts";

export const mailEventsEnv = z.object({ ...microsoftClientEnv, ...tenantConsentsEnv });
export type MailEventsEnv = z.input<typeof mailEventsEnv>;
