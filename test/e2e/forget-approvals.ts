import type { LocalStack } from "../../infra/local/stack.ts";
import { emptyTable } from "./empty-table.ts";

/** From now on nothing is known of any organisation's approval, and nobody waits for one. */
export const forgetApprovals = (stack: LocalStack): Promise<void> =>
  emptyTable(stack, "TENANT_CONSENTS_TABLE", ["pk", "sk"]);
