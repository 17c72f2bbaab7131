import * as z from "zod/mini";
import { tenantId } from "../../domain/ids.ts";
import { type MailDomain, mailDomain } from "../../domain/mail-address.ts";
import type { Organisation } from "../../domain/tenant-consent.ts";

const domainItem = z.pipe(
  z.string(),
  z.transform((text, context): MailDomain => {
    const domain = mailDomain(text);
    if (domain) return domain;
    context.issues.push({ code: "custom", message: "must be a domain", input: text });
    return z.NEVER;
  }),
);

/** An organisation as it is stored. */
export const organisationItem = z.pipe(
  z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("tenant"), tenantId: z.string() }),
    z.object({ kind: z.literal("domain"), mailDomain: domainItem }),
    z.object({ kind: z.literal("person"), ownerKey: z.string() }),
  ]),
  z.transform(
    (item): Organisation =>
      item.kind === "tenant" ? { kind: item.kind, tenantId: tenantId(item.tenantId) } : item,
  ),
);
