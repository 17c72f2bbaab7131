import type * as z from "zod/mini";
import type { ConnectionId } from "../../domain/ids.ts";
import type { Unreadable } from "../../domain/unreadable-connection.ts";

/** The names of its fields, and nothing that they hold. */
export const unreadableConnection = (
  id: ConnectionId,
  { issues }: z.core.$ZodError,
): Unreadable => ({
  id,
  fields: [...new Set(issues.map(({ path }) => String(path[0])))],
});
