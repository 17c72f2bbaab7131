import {
  afterEvent,
  hasMoved,
  organisationKey,
  personAlone,
  type TenantConsent,
  type TenantConsents,
  tallies,
  unknownConsent,
} from "../../shared/domain/tenant-consent.ts";

/** Tenant consents in memory, with the promises of the port and nothing more. Every method is one step. */
export const memoryTenantConsents = (): TenantConsents => {
  const consents = new Map<string, TenantConsent>();
  const due = new Set<string>();
  const counted = new Map<string, { since: Date; names: Set<string>; people: number }>();

  return {
    find: async (organisation) =>
      consents.get(organisationKey(organisation)) ?? unknownConsent(organisation),

    record: async (organisation, event, now) => {
      const key = organisationKey(organisation);
      const before = consents.get(key) ?? unknownConsent(organisation);
      const after = afterEvent(before, event, now);
      if (!after) return { moved: false, before, consent: before };
      consents.set(key, after);
      const moved = hasMoved(before, after);
      if (moved && after.status === "verified") due.add(key);
      if (moved && after.status !== "verified") due.delete(key);
      return { moved, before, consent: after };
    },

    count: async (organisation, tally, names, now, after) => {
      const key = `${organisationKey(organisation)} ${tally}`;
      const known = counted.get(key);
      const isFresh =
        known &&
        now.getTime() - known.since.getTime() < tallies[tally].withinSeconds * 1000 &&
        (after === undefined || known.since > after);
      const standing = isFresh ? known : { since: now, names: new Set<string>(), people: 0 };
      if (!names.some((name) => standing.names.has(name))) standing.people += 1;
      for (const name of names) standing.names.add(name);
      counted.set(key, standing);
      return standing.people;
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

    forget: async (person) => {
      const key = organisationKey(personAlone(person));
      consents.delete(key);
      due.delete(key);
    },

    noticesDone: async ({ organisation, times }) => {
      const key = organisationKey(organisation);
      const isSame = consents.get(key)?.times.verified?.getTime() === times.verified?.getTime();
      if (isSame) due.delete(key);
    },
  };
};
