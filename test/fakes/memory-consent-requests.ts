import { randomUUID } from "node:crypto";
import type { ConsentRequest, ConsentRequests } from "../../shared/domain/consent-request.ts";
import { ownerKeyOf, type ProductUser } from "../../shared/domain/ids.ts";
import { type Organisation, organisationKey } from "../../shared/domain/tenant-consent.ts";

/** Consent requests in memory, with the promises of the port and nothing more. Every method is one step. */
export const memoryConsentRequests = (): ConsentRequests => {
  const requests = new Map<string, ConsentRequest>();
  const links = new Map<string, string>();
  const claims = new Map<string, string>();

  const keyOf = (organisation: Organisation, user: ProductUser) =>
    `${organisationKey(organisation)} ${ownerKeyOf(user)}`;
  const keyOfRequest = ({ organisation, requester }: ConsentRequest) =>
    keyOf(organisation, requester.user);
  const standing = (request: ConsentRequest) => {
    const stands = requests.get(keyOfRequest(request));
    return stands?.tokenHash === request.tokenHash ? stands : undefined;
  };

  return {
    find: async (organisation, user) => requests.get(keyOf(organisation, user)),

    open: async (request) => {
      const key = keyOf(request.organisation, request.requester.user);
      const before = requests.get(key);
      if (before && !before.notifiedAt && before.expiresAt > request.createdAt) {
        const asTheyAre = { ...before, requester: request.requester };
        requests.set(key, asTheyAre);
        return asTheyAre;
      }
      const opened = { ...request, mail: { status: "none" }, notifiedAt: undefined } as const;
      requests.set(key, opened);
      links.set(request.tokenHash, key);
      return opened;
    },

    findByLink: async (tokenHash) => {
      const request = requests.get(links.get(tokenHash) ?? "");
      return request && { request, isCurrent: request.tokenHash === tokenHash };
    },

    waiting: async (organisation) =>
      [...requests.values()]
        .filter(
          (request) =>
            organisationKey(request.organisation) === organisationKey(organisation) &&
            !request.notifiedAt,
        )
        .toSorted((left, right) => left.createdAt.getTime() - right.createdAt.getTime()),

    othersWaiting: async ({ organisation, tokenHash }, most) => {
      const others = [...requests.values()].filter(
        (request) =>
          organisationKey(request.organisation) === organisationKey(organisation) &&
          !request.notifiedAt &&
          request.tokenHash !== tokenHash,
      );
      return { people: Math.min(others.length, most), areMore: others.length > most };
    },

    claimNotice: async (request, now) => {
      const stands = standing(request);
      if (!stands || stands.notifiedAt) return undefined;
      requests.set(keyOfRequest(request), { ...stands, notifiedAt: now });
      const claim = randomUUID();
      claims.set(keyOfRequest(request), claim);
      return claim;
    },

    releaseNotice: async (request, claim) => {
      const stands = standing(request);
      if (stands && claims.get(keyOfRequest(request)) === claim) {
        claims.delete(keyOfRequest(request));
        requests.set(keyOfRequest(request), { ...stands, notifiedAt: undefined });
      }
    },

    noteMail: async (request, mail) => {
      const stands = standing(request);
      const endsSending = mail.status === "sent" || mail.status === "unknown";
      if (!stands || (endsSending && stands.mail.status !== "sending")) return;
      requests.set(keyOfRequest(request), { ...stands, mail });
    },

    erase: async (organisation, user) => {
      const key = keyOf(organisation, user);
      links.delete(requests.get(key)?.tokenHash ?? "");
      requests.delete(key);
    },
  };
};
