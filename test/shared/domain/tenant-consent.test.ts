import { describe, expect, it } from "vitest";
import { tenantId } from "../../../shared/domain/ids.ts";
import {
  type MailAddress,
  type MailDomain,
  mailAddress,
} from "../../../shared/domain/mail-address.ts";
import {
  afterEvent,
  type ConsentEvent,
  type ConsentStatus,
  consentStatuses,
  hasMoved,
  isSpreading,
  needsApproval,
  organisationKey,
  organisationOf,
  personAlone,
  type TenantConsent,
  unknownConsent,
} from "../../../shared/domain/tenant-consent.ts";
import { account, alice, mallory, noon, secondsAfter } from "../../fakes/samples.ts";

const tenant = { kind: "tenant", tenantId: account.tenantId } as const;
const proof = { kind: "user_grant" } as const;

/** An hour ago unless `ago` says otherwise: whatever spreads has spread. */
const standing = (
  status: ConsentStatus,
  changes: Partial<TenantConsent> = {},
  ago = 3600,
): TenantConsent => ({
  ...unknownConsent(tenant),
  status,
  ...(status !== "unknown" && { times: { [status]: secondsAfter(noon, -ago) } }),
  ...(status === "blocked" && { blockIsCertain: true }),
  ...(status === "verified" && { proof }),
  ...changes,
});

const events = {
  blocked: { kind: "blocked", certain: true },
  "probably blocked": { kind: "blocked", certain: false },
  "blocked, as several say": { kind: "blocked", certain: true, bySeveral: true },
  requested: { kind: "requested" },
  reported: { kind: "reported" },
  verified: { kind: "verified", proof },
  lost: { kind: "lost" },
} as const satisfies Record<string, ConsentEvent>;

/** What each event makes of each status, an hour after it was reached. */
const table: Record<ConsentStatus, Record<keyof typeof events, ConsentStatus>> = {
  unknown: {
    blocked: "blocked",
    "probably blocked": "blocked",
    "blocked, as several say": "blocked",
    requested: "requested",
    reported: "reported",
    verified: "verified",
    lost: "lost",
  },
  blocked: {
    blocked: "blocked",
    "probably blocked": "blocked",
    "blocked, as several say": "blocked",
    requested: "requested",
    reported: "reported",
    verified: "verified",
    lost: "blocked",
  },
  requested: {
    blocked: "requested",
    "probably blocked": "requested",
    "blocked, as several say": "requested",
    requested: "requested",
    reported: "reported",
    verified: "verified",
    lost: "requested",
  },
  // A report that nothing came of gives way to people who are still turned away.
  reported: {
    blocked: "blocked",
    "probably blocked": "blocked",
    "blocked, as several say": "blocked",
    requested: "requested",
    reported: "reported",
    verified: "verified",
    lost: "reported",
  },
  // Nobody's word alone counts against a proof.
  verified: {
    blocked: "verified",
    "probably blocked": "verified",
    "blocked, as several say": "blocked",
    requested: "verified",
    reported: "verified",
    verified: "verified",
    lost: "lost",
  },
  lost: {
    blocked: "lost",
    "probably blocked": "lost",
    "blocked, as several say": "lost",
    requested: "requested",
    // Whoever withdrew it cannot have it reported back by an old link.
    reported: "lost",
    verified: "verified",
    lost: "lost",
  },
};

describe("an approval", () => {
  const cases = consentStatuses.flatMap((from) =>
    Object.entries(table[from]).map(([event, to]) => ({
      from,
      event: event as keyof typeof events,
      to,
    })),
  );

  it.for(cases)("that is $from and then $event is $to", ({ from, event, to }) => {
    const after = afterEvent(standing(from), events[event], noon) ?? standing(from);

    expect(after.status).toBe(to);
    if (to !== from) {
      expect(after.times).toEqual({ ...standing(from).times, [to]: noon });
    }
  });

  it.for(["reported", "verified"] as const)(
    "that is %s is believed for ten minutes, while Microsoft turns people away",
    (status) => {
      const fresh = standing(status, {}, 599);
      const old = standing(status, {}, 600);

      const blocked = events["blocked, as several say"];
      expect(afterEvent(fresh, blocked, noon)?.status ?? status).toBe(status);
      expect(afterEvent(old, blocked, noon)?.status).toBe("blocked");
      expect(isSpreading(fresh, noon)).toBe(true);
      expect(isSpreading(old, noon)).toBe(false);
    },
  );

  it("that was turned away without a reason becomes certain when a reason is given", () => {
    const probably = afterEvent(standing("unknown"), events["probably blocked"], noon);
    if (!probably) expect.fail("nothing changed");

    expect(probably.blockIsCertain).toBe(false);
    const certain = afterEvent(probably, events.blocked, noon);
    expect(certain).toMatchObject({ status: "blocked", blockIsCertain: true });
    expect(certain?.times).toEqual(probably.times);
  });

  it("keeps why it is believed, and forgets that it was ever in the way", () => {
    const administrator = { kind: "administrator", roles: ["role-id"] } as const;

    const verified = afterEvent(
      standing("blocked"),
      { kind: "verified", proof: administrator },
      noon,
    );

    expect(verified).toMatchObject({ proof: administrator, blockIsCertain: false });
    expect(verified && afterEvent(verified, events.lost, noon)).toMatchObject({
      status: "lost",
      proof: administrator,
    });
  });

  it("is given anew by whoever is let in, once somebody has asked in spite of it", () => {
    const proved = standing("verified", {}, 600);
    const asked = afterEvent(proved, events.requested, noon);
    const later = new Date(noon.getTime() + 60_000);

    expect(asked).toMatchObject({ status: "verified", times: { requested: noon } });
    expect(asked && hasMoved(proved, asked)).toBe(false);
    const anew = asked && afterEvent(asked, events.verified, later);
    expect(anew).toMatchObject({ status: "verified", times: { verified: later } });
    expect(asked && anew && hasMoved(asked, anew)).toBe(true);
    const atRest = new Date(later.getTime() + 600_000);
    expect(anew && afterEvent(anew, events.verified, atRest)).toBeUndefined();
  });

  it("is given anew by an administrator only, once it had its time and nobody has asked", () => {
    const administrator = { kind: "administrator", roles: ["role-id"] } as const;
    const given = { kind: "verified", proof: administrator } as const;

    expect(afterEvent(standing("verified", {}, 599), given, noon)).toBeUndefined();
    expect(afterEvent(standing("verified", {}, 600), events.verified, noon)).toBeUndefined();
    expect(afterEvent(standing("verified", {}, 600), given, noon)).toMatchObject({
      status: "verified",
      proof: administrator,
      times: { verified: noon },
    });
  });

  it("that changes nothing is not written", () => {
    expect(afterEvent(standing("verified"), events.verified, noon)).toBeUndefined();
    expect(afterEvent(standing("requested"), events.requested, noon)).toBeUndefined();
  });

  it("is shown to people as the way where it is known to be missing, and nowhere else", () => {
    const shown = consentStatuses.filter((status) => needsApproval(standing(status)));

    expect(shown).toEqual(["blocked", "requested", "lost"]);
  });
});

describe("a person's organisation", () => {
  const ports = {
    tenants: {
      ofDomain: async (domain: MailDomain) =>
        ({ "north.example": account.tenantId, "down.example": "unavailable" as const })[
          domain as string
        ],
    },
    isFreeMailDomain: (domain: MailDomain) => domain === "freemail.example",
  };
  const keyOf = async (email: string | undefined, user = alice) => {
    const address: MailAddress | undefined = email === undefined ? undefined : mailAddress(email);
    return organisationKey(await organisationOf({ user, email: address }, ports));
  };

  it("is the tenant that owns their mail domain", async () => {
    expect(await keyOf("alice@north.example")).toBe(`tenant/${account.tenantId}`);
    expect(await keyOf("alice@NORTH.example")).toBe(`tenant/${account.tenantId}`);
  });

  it.for([
    ["under a domain that Microsoft names no tenant for", "alice@south.example"],
    ["under one that cannot be asked for just now", "alice@down.example"],
    ["at a provider for everybody", "alice@freemail.example"],
    ["without an address", undefined],
  ])("is nobody but themselves %s", async ([, email]) => {
    expect(await keyOf(email)).toBe(organisationKey(personAlone(alice)));
    expect(await keyOf(email, mallory)).toBe(organisationKey(personAlone(mallory)));
  });

  it("is not the tenant in which such a provider has verified its domain", async () => {
    const everywhere = { ...ports, tenants: { ofDomain: async () => account.tenantId } };
    const email = mailAddress("alice@freemail.example");

    const organisation = await organisationOf({ user: alice, email }, everywhere);

    expect(organisation).toEqual(personAlone(alice));
  });

  it("is another for another tenant", () => {
    const other = tenantId("9c1f4a7e-2b63-4d58-8e90-1a2b3c4d5e6f");

    expect(organisationKey({ kind: "tenant", tenantId: other })).not.toBe(organisationKey(tenant));
  });
});
