import * as z from "zod/mini";
import { connectionsEnv as connectionsTableEnv, productClaimsEnv } from "../../shared/config.ts";

export const connectionsEnv = z.object({ ...connectionsTableEnv, ...productClaimsEnv });
export type ConnectionsEnv = z.input<typeof connectionsEnv>;
