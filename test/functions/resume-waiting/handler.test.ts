import { expect, it } from "vitest";
import { resumeWaitingHandler } from "../../../functions/resume-waiting/handler.ts";
import type { ConsentRequest } from "../../../shared/domain/consent-request.ts";
import type { TenantConsents } from "../../../shared/domain/tenant-consent.ts";
import { UnreadableItem } from "../../../shared/domain/unreadable-item.ts";
import { captureLog } from "../../fakes/captured-log.ts";
import { fakeClock } from "../../fakes/fake-clock.ts";
import { lambdaContext } from "../../fakes/http-event.ts";
import { memoryConsentRequests } from "../../fakes/memory-consent-requests.ts";
import { memoryMailLedger } from "../../fakes/memory-mail-ledger.ts";
import { memoryTenantConsents } from "../../fakes/memory-tenant-consents.ts";
import { requestMail } from "../../fakes/sample-mails.ts";
import { account, noon } from "../../fakes/samples.ts";

const log = captureLog();
const loggedLines = () => log.lines().map((line) => JSON.parse(line));

const organisation = { kind: "tenant", tenantId: account.tenantId } as const;

const invoked = async (
  sendMail: (request: ConsentRequest) => Promise<"sent" | "refused" | "unknown">,
  changes: Partial<TenantConsents> = {},
) => {
  const clock = fakeClock();
  const consents = memoryTenantConsents();
  const requests = memoryConsentRequests();
  await requests.open({
    organisation,
    requester: requestMail.requester,
    returnTo: "connections",
    tokenHash: "hash",
    sealedToken: "sealed",
    createdAt: noon,
    expiresAt: requestMail.expiresAt,
  });
  const proof = { kind: "administrator", roles: [] } as const;
  await consents.record(organisation, { kind: "verified", proof }, clock.now());
  clock.pass(60);
  const handler = resumeWaitingHandler({
    consents: { ...consents, ...changes },
    requests,
    ledger: memoryMailLedger(),
    sendMail,
    pause: async () => {},
    now: clock.now,
  });
  await handler({ "detail-type": "Scheduled Event" }, lambdaContext);
};

it("logs for each organisation how many people were told, and nobody's address", async () => {
  const told: ConsentRequest[] = [];

  await invoked(async (request) => {
    told.push(request);
    return "sent";
  });

  expect(told.map(({ returnTo, createdAt }) => ({ returnTo, createdAt }))).toEqual([
    { returnTo: "connections", createdAt: noon },
  ]);
  expect(loggedLines()).toEqual([
    expect.objectContaining({
      message: "step of an approval",
      step: "resumed",
      organisation: `tenant/${account.tenantId}`,
      people: 1,
    }),
    expect.objectContaining({
      level: "INFO",
      message: "run of the notices done",
      peopleTold: 1,
    }),
  ]);
  expect(log.lines().join("")).not.toMatch(/@|Ines|hash|sealed/);
});

it("logs that a run is done, also when nobody waits", async () => {
  await invoked(async () => "sent", { noticesDue: async () => [] });

  expect(loggedLines()).toEqual([
    expect.objectContaining({ message: "run of the notices done", peopleTold: 0 }),
  ]);
});

it("names the item that cannot be read, for the alarm and whoever mends it", async () => {
  const key = `client/scopes/tenant/${account.tenantId} request/r_${"h".repeat(43)}`;

  await invoked(async () => "sent", {
    noticesDue: async (_, onUnreadable) => {
      onUnreadable?.(new UnreadableItem(key));
      return [];
    },
  });

  expect(loggedLines()).toEqual([
    expect.objectContaining({
      level: "ERROR",
      message: "item cannot be read",
      failure: "item_unreadable",
      item: key,
    }),
    expect.objectContaining({ message: "run of the notices done" }),
  ]);
});

it.for<[string, () => Promise<void>, readonly string[]]>([
  [
    "a person cannot be told",
    () =>
      invoked(async () => {
        throw new Error("ines.calder@larkfield.example");
      }),
    ["run of the notices done"],
  ],
  [
    "nothing can be read",
    () =>
      invoked(async () => "sent", {
        noticesDue: async () => {
          throw new Error("ines.calder@larkfield.example");
        },
      }),
    // A run that could do nothing is missed.
    [],
  ],
])("says that something is wrong, and not for whom, when %s", async ([, run, afterwards]) => {
  await run();

  expect(loggedLines()).toEqual([
    expect.objectContaining({
      level: "ERROR",
      message: "people not told of an approval",
      failure: "internal_error",
    }),
    ...afterwards.map((message) => expect.objectContaining({ level: "INFO", message })),
  ]);
  expect(log.lines().join("")).not.toContain("@");
});
