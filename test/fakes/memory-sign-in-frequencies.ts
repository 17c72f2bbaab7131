import type { TenantId } from "../../shared/domain/ids.ts";
import {
  isForgotten,
  type SignInFrequencies,
  type SignInFrequency,
} from "../../shared/domain/sign-in-frequency.ts";

/** Sign-in frequencies in memory, with the promises of the port and nothing more. */
export const memorySignInFrequencies = (): SignInFrequencies => {
  const stored = new Map<TenantId, SignInFrequency>();
  return {
    find: async (tenantId) => stored.get(tenantId),

    learn: async (tenantId, frequency) => {
      const known = stored.get(tenantId);
      const tellsMore =
        !known ||
        frequency.atMostSeconds < known.atMostSeconds ||
        isForgotten(known, frequency.learntAt);
      if (tellsMore) stored.set(tenantId, frequency);
      return tellsMore;
    },
  };
};
