import { beforeAll, describe, expect, it } from "vitest";
import { stages } from "../../../infra/aws/stages.ts";
import { fail } from "../../../shared/domain/result.ts";
import { captureLog } from "../../fakes/captured-log.ts";
import { alice, mallory, microsoftFailure } from "../../fakes/samples.ts";
import {
  broughtBack,
  type ServiceInMemory,
  type ServiceScript,
  serviceInMemory,
} from "../../fakes/service-in-memory.ts";
import { countedAs } from "../../infra/aws/counted-lines.ts";
import { type SynthesizedStage, synthesized } from "../../infra/aws/synthesized.ts";

const log = captureLog();

let stage: SynthesizedStage;
beforeAll(async () => {
  stage = await synthesized(stages.prod);
});

const metrics = ["sign_ins_started", "mailboxes_connected", "sign_in_seconds", "sign_ins_failed"];

/** What the lines of the log are counted as, in the order of {@link metrics}. */
const counts = () => {
  const counted = countedAs(stage, log.lines(), (metric) => metrics.includes(metric));
  return metrics.map((metric) => counted[metric]);
};

const signedIn = async (service: ServiceInMemory) => {
  const { state } = await service.begin(alice);
  service.clock.pass(42);
  return service.comeBack(state);
};

const signInThat = async (script: ServiceScript) => {
  const service = serviceInMemory(script);
  const brought = await signedIn(service);
  await service.complete(alice, brought);
  return { service, brought };
};

const refused = (kind: Parameters<typeof microsoftFailure>[0]): ServiceScript => ({
  redeemCode: async () => fail(microsoftFailure(kind)),
});

describe("of the sign-ins of people", () => {
  it("one counts that began and one that connected, with its time, however often it is asked for", async () => {
    const { service, brought } = await signInThat({});

    await service.complete(alice, brought);

    expect(counts()).toEqual([1, 1, 1, 0]);
    const connected = log.lines().filter((line) => line.includes('"mailbox connected"'));
    expect(connected.map((line) => JSON.parse(line).sinceStartedSeconds)).toEqual([42]);
  });

  it.for(["throttled", "temporarily_unavailable", "misconfigured", "app_refused"] as const)(
    "one fails where nobody but the operator can act, and not again when it is looked at again: %s",
    async (kind) => {
      const { service, brought } = await signInThat(refused(kind));

      await service.complete(alice, brought);

      expect(counts()).toEqual([1, 0, 0, 1]);
    },
  );

  it("one fails whose mailbox does not answer", async () => {
    await signInThat({ probe: async () => fail({ kind: "mailbox_unreachable" }) });

    expect(counts()).toEqual([1, 0, 0, 1]);
  });

  it.for([
    "access_declined",
    "admin_approval_required",
    "account_disabled",
    "tenant_blocked",
    "sign_in_required",
  ] as const)("none fails where people must act: %s", async (kind) => {
    await signInThat(refused(kind));

    expect(log.lines().at(-1)).toContain(`"failure":"${kind}"`);
    expect(counts()).toEqual([1, 0, 0, 0]);
  });

  it.for(["server_error", "temporarily_unavailable", "invalid_request"])(
    "none fails that brings a refusal back which anybody can write: %s",
    async (error) => {
      const service = serviceInMemory();
      const { state } = await service.begin(alice);

      const { statusCode } = await service.complete(
        alice,
        broughtBack(await service.callback({ state, error })),
      );

      expect(statusCode).toBeGreaterThanOrEqual(500);
      expect(counts()).toEqual([1, 0, 0, 0]);
    },
  );

  it("none fails that comes back to somebody else, was never begun, or is not back yet", async () => {
    const service = serviceInMemory();
    const brought = await signedIn(service);
    await service.complete(mallory, brought);
    await service.complete(alice, { ...brought, attemptId: `att_${"a".repeat(43)}` });
    const { attemptId } = await service.begin(alice);
    await service.complete(alice, { attemptId, completion: "c".repeat(43) });

    expect(log.lines().flatMap((line) => JSON.parse(line).failure ?? [])).toEqual([
      "session_mismatch",
      "attempt_unknown",
      "not_returned",
    ]);
    expect(counts()).toEqual([2, 0, 0, 0]);
  });

  it("none fails that is told to wait for an approval that is being applied", async () => {
    const service = serviceInMemory(refused("admin_approval_required"));
    const { state } = await service.begin(alice, { forOrganization: true });
    await service.approvalAnswered({
      state,
      admin_consent: "True",
      tenant: "3b0f5c1e-7a42-4d89-9e15-c2f68ab01d37",
    });

    await service.complete(alice, broughtBack(await service.callback({ state, code: "the-code" })));

    expect(log.lines().at(-1)).toContain('"failure":"approval_spreading"');
    expect(counts()).toEqual([1, 0, 0, 0]);
  });
});
