import { beforeEach, expect, it } from "vitest";
import { succeed } from "../../../shared/domain/result.ts";
import type { Organisation } from "../../../shared/domain/tenant-consent.ts";
import { approvalUnavailablePage } from "../../../shared/pages/approval-outcome.ts";
import { administrator, approvalLink, proving } from "../../fakes/approval-steps.ts";
import { captureLog } from "../../fakes/captured-log.ts";
import { everyBreak, type FaultyCall, watchedCalls } from "../../fakes/every-fault.ts";
import { account } from "../../fakes/samples.ts";
import { serviceInMemory } from "../../fakes/service-in-memory.ts";
import { stopTimers } from "../../fakes/stopped-timers.ts";

captureLog();
beforeEach(stopTimers);

const tenant: Organisation = { kind: "tenant", tenantId: account.tenantId };

const scenes = [
  {
    what: "waits for an approval",
    calls: ["requests.findByLink", "consents.find", "frequencies.find", "requests.othersWaiting"],
    isApproved: false,
  },
  {
    what: "was approved",
    calls: ["requests.findByLink", "consents.find", "frequencies.find"],
    isApproved: true,
  },
];

/** An administrator who opens a link, with a fault, if one is given. */
const opened = async ({ isApproved }: (typeof scenes)[number], fault?: FaultyCall) => {
  const { intercept, made, watch } = watchedCalls(fault);
  const service = serviceInMemory({
    intercept,
    proveIdentity: async () => succeed(administrator),
  });
  const link = await approvalLink(service);
  if (isApproved) {
    const { state, cookies } = await proving(service, link);
    await service.approvalProved({ state, code: "the-code" }, cookies);
  }
  const open = () => service.openLink(link);
  const known = await service.consents.find(tenant);
  return { service, made, open, known, answer: await watch(open) };
};

it.for(scenes)("a link that $what is opened with these calls and no others", async (scene) => {
  const { made, answer } = await opened(scene);

  expect(answer?.statusCode).toBe(200);
  expect(made).toEqual(scene.calls);
});

it.for(everyBreak(scenes))(
  "a link that $scene.what can be opened again where call $fault.index ($fault.name) $fault.what, and changes nothing",
  async ({ scene, fault }) => {
    const { service, open, known, answer } = await opened(scene, fault);

    if (fault.dies) expect(answer).toBeUndefined();
    else expect(answer).toMatchObject({ statusCode: 503, body: approvalUnavailablePage.html });
    expect(await service.consents.find(tenant)).toEqual(known);
    const again = await open();
    const healthy = await (await opened(scene)).answer;
    expect(again.statusCode).toBe(200);
    const withoutLink = (body = "") => body.replaceAll(/state=[\w-]{43}/g, "");
    expect(withoutLink(again.body)).toBe(withoutLink(healthy?.body));
    expect(await service.consents.find(tenant)).toEqual(known);
  },
);
