import * as z from "zod/mini";
import { tenantId } from "../../domain/ids.ts";
import type { Organisation } from "../../domain/tenant-consent.ts";

/** An organisation as it is stored. */
export const organisationItem = z.pipe(
  z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("tenant"), tenantId: z.string() }),
    z.object({ kind: z.literal("person"), ownerKey: z.string() }),
  ]),
  z.transform(
    (item): Organisation =>
      item.kind === "tenant" ? { kind: item.kind, tenantId: tenantId(item.tenantId) } : item,
  ),
);
