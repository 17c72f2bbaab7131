import type { LocalStack } from "../../infra/local/stack.ts";
import { emptyTable } from "./empty-table.ts";

/** What DynamoDB does by itself when sign-ins have been over for an hour. */
export const forgetSignIns = (stack: LocalStack): Promise<void> =>
  emptyTable(stack, "ATTEMPTS_TABLE", ["id"]);
