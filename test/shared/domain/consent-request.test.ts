import { describe, expect, it } from "vitest";
import { isAnsweredBy } from "../../../shared/domain/consent-request.ts";
import { type TenantConsent, unknownConsent } from "../../../shared/domain/tenant-consent.ts";
import { account, noon, secondsAfter } from "../../fakes/samples.ts";

const verifiedAtNoon: TenantConsent = {
  ...unknownConsent({ kind: "tenant", tenantId: account.tenantId }),
  status: "verified",
  times: { verified: noon },
};

const askedAfter = (seconds: number) => ({
  createdAt: secondsAfter(noon, seconds),
  notifiedAt: undefined,
});

describe("a request", () => {
  // Times are stored in whole seconds, and several machines write them.
  it.for([-3600, 0, 1, 599])(
    "of %i seconds after a proof is answered by it: it came too late to know",
    (seconds) => {
      expect(isAnsweredBy(askedAfter(seconds), verifiedAtNoon)).toBe(true);
    },
  );

  it("that was made in spite of a proof is not answered by it, until its person was told", () => {
    const request = askedAfter(600);

    expect(isAnsweredBy(request, verifiedAtNoon)).toBe(false);
    expect(isAnsweredBy({ ...request, notifiedAt: noon }, verifiedAtNoon)).toBe(true);
  });

  it.for(["blocked", "requested", "reported", "lost"] as const)(
    "is not answered while the approval is %s",
    (status) => {
      expect(isAnsweredBy(askedAfter(-60), { ...verifiedAtNoon, status })).toBe(false);
    },
  );
});
