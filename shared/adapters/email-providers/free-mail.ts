import domains from "email-providers/all.json" with { type: "json" };
import type { IsFreeMailDomain } from "../../domain/tenant-consent.ts";

let known: ReadonlySet<string> | undefined;

/** Providers where anybody may have an address, by the list of the package. */
export const isFreeMailDomain: IsFreeMailDomain = (domain) => {
  known ??= new Set(domains);
  return known.has(domain);
};
