import * as z from "zod/mini";

/** A problem as an item keeps it. */
export const problemItem = z.object({
  code: z.string(),
  actor: z.enum(["user", "tenant_admin", "operator", "nobody"]),
  message: z.string(),
});

/** Why Microsoft is left alone, as an item keeps it. */
export const pauseItem = z.extend(problemItem, { retryable: z.boolean() });
