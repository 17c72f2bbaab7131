import type { Refusal } from "./attempt.ts";
import type { TenantId } from "./ids.ts";
import type { Secret } from "./secret.ts";

/**
 * What a browser brought from Microsoft's admin consent page. Anybody can write such a URL: nothing in it is
 * proved.
 */
export interface AdminConsentAnswer {
  readonly state: Secret;
  readonly outcome:
    | { readonly kind: "approved"; readonly tenantId: TenantId }
    | { readonly kind: "refusal"; readonly refusal: Refusal };
}
