import type { ConnectionId, TenantId } from "../../shared/domain/ids.ts";
import {
  afterEvent,
  lossThreshold,
  organisationKey,
  type TenantConsent,
  type TenantConsents,
  unknownConsent,
} from "../../shared/domain/tenant-consent.ts";

/** Tenant consents in memory, with the promises of the port and nothing more. Every method is one step. */
export const memoryTenantConsents = (): TenantConsents => {
  const consents = new Map<string, TenantConsent>();
  const due = new Set<string>();
  const losses = new Map<TenantId, { since: Date; connections: Set<ConnectionId> }>();

  return {
    find: async (organisation) =>
      consents.get(organisationKey(organisation)) ?? unknownConsent(organisation),

    record: async (organisation, event, now) => {
      const key = organisationKey(organisation);
      const before = consents.get(key) ?? unknownConsent(organisation);
      const after = afterEvent(before, event, now);
      if (!after) return { moved: false, before: before.status, consent: before };
      consents.set(key, after);
      const moved = after.status !== before.status;
      if (moved && after.status === "verified") due.add(key);
      if (moved && after.status !== "verified") due.delete(key);
      return { moved, before: before.status, consent: after };
    },

    countLoss: async (tenant, connection, now) => {
      const known = losses.get(tenant);
      const isFresh =
        known && now.getTime() - known.since.getTime() < lossThreshold.withinSeconds * 1000;
      const loss = isFresh ? known : { since: now, connections: new Set<ConnectionId>() };
      loss.connections.add(connection);
      losses.set(tenant, loss);
      return loss.connections.size;
    },

    noticesDue: async (limit) =>
      [...due]
        .map((key) => consents.get(key))
        .filter((consent) => consent !== undefined)
        .toSorted(
          (left, right) =>
            (left.times.verified?.getTime() ?? 0) - (right.times.verified?.getTime() ?? 0),
        )
        .slice(0, limit),

    noticesDone: async ({ organisation, times }) => {
      const key = organisationKey(organisation);
      const isSame = consents.get(key)?.times.verified?.getTime() === times.verified?.getTime();
      if (isSame) due.delete(key);
    },
  };
};
