import { beforeEach, describe, expect, it } from "vitest";
import type { LeftUndone } from "../../../functions/complete/complete-authorization.ts";
import { redemptionLimitSeconds } from "../../../shared/domain/attempt.ts";
import type { ProductUser } from "../../../shared/domain/ids.ts";
import type { Organisation } from "../../../shared/domain/tenant-consent.ts";
import { captureLog } from "../../fakes/captured-log.ts";
import { everyBreak, type FaultyCall, watchedCalls } from "../../fakes/every-fault.ts";
import { account, alice, alicesConnection, mallory } from "../../fakes/samples.ts";
import {
  broughtBack,
  problemIn,
  type ServiceInMemory,
  serviceInMemory,
} from "../../fakes/service-in-memory.ts";
import { stopTimers } from "../../fakes/stopped-timers.ts";

captureLog();
beforeEach(stopTimers);

const tenant: Organisation = { kind: "tenant", tenantId: account.tenantId };

interface Scene {
  readonly what: string;
  readonly calls: readonly string[];
  /** What the browser brings; a code unless it is said. */
  readonly refusal?: Readonly<Record<string, string>>;
  /** Who completes it, and with what in place of the value that the browser got. */
  readonly by?: ProductUser;
  readonly value?: string;
  readonly before?: (service: ServiceInMemory) => Promise<unknown>;
  readonly code: string;
}

const turnedAway = { error: "access_denied", error_description: "AADSTS90094: Need approval." };
const mismatch = {
  code: "session_mismatch",
  calls: ["attempts.take", "attempts.find", "attempts.destroy"],
};
const scenes: readonly Scene[] = [
  {
    what: "by their own no",
    refusal: { error: "access_denied", error_description: "AADSTS65004: Declined." },
    code: "access_declined",
    calls: ["attempts.take", "attempts.end"],
  },
  {
    what: "for the want of an approval",
    refusal: turnedAway,
    code: "admin_approval_required",
    calls: [
      "attempts.take",
      "tenants.ofDomain",
      "consents.find",
      "consents.record",
      "attempts.end",
    ],
  },
  {
    what: "for the want of an approval that was proved",
    refusal: turnedAway,
    before: async ({ consents, clock }) => {
      const proof = { kind: "user_grant" } as const;
      await consents.record(tenant, { kind: "verified", proof }, clock.now());
      clock.pass(24 * 3600);
    },
    code: "admin_approval_required",
    calls: ["attempts.take", "tenants.ofDomain", "consents.find", "consents.count", "attempts.end"],
  },
  { what: "because somebody else comes back", by: mallory, ...mismatch },
  { what: "because it came back to another browser", value: "g".repeat(43), ...mismatch },
];

/** They tell what the organisation allows, and stand in nobody's way. */
const leftUndone = ({ name }: FaultyCall): LeftUndone | undefined => {
  if (/^(?:tenants|consents)[.]/.test(name)) return "approval_not_recorded";
  return name === "attempts.end" ? "attempt_end_not_recorded" : undefined;
};

/** A sign-in that cannot succeed, and is completed with a fault, if one is given. */
const completed = async (scene: Scene, fault?: FaultyCall) => {
  const { intercept, made, watch } = watchedCalls(fault);
  const service = serviceInMemory({ intercept });
  await scene.before?.(service);
  const { state, attemptId } = await service.begin(alice);
  const brought = broughtBack(
    await service.callback({ state, ...(scene.refusal ?? { code: "the-code" }) }),
  );
  const complete = () =>
    service.complete(scene.by ?? alice, {
      attemptId,
      completion: scene.value ?? brought.completion,
    });
  return { service, attemptId, made, brought, complete, answer: await watch(complete) };
};

it.for(scenes)("a sign-in refused $what makes these calls and no others", async (scene) => {
  const { made, answer } = await completed(scene);

  expect(answer && problemIn(answer)).toMatchObject({ statusCode: 403, code: scene.code });
  expect(made).toEqual(scene.calls);
});

describe.for(everyBreak(scenes))(
  "a sign-in refused $scene.what, where call $fault.index ($fault.name) $fault.what,",
  ({ scene, fault }) => {
    it("sends nothing to Microsoft and connects nothing, whoever tries it again and when", async () => {
      const { service, brought, complete } = await completed(scene, fault);

      await complete();
      await service.complete(alice, brought);
      await service.complete(mallory, brought);
      service.clock.pass(redemptionLimitSeconds + 1);
      await service.complete(alice, brought);

      expect(service.identity.redeemed).toEqual([]);
      expect(service.vault.entries.size).toBe(0);
      expect(await service.connections.findOwned(alicesConnection, alice)).toBeUndefined();
    });

    it("is told as what it is, and so it is when it is asked for again, or as interrupted", async () => {
      const { service, attemptId, complete, answer } = await completed(scene, fault);

      const again = problemIn(await complete());
      service.clock.pass(redemptionLimitSeconds + 1);
      const later = problemIn(await complete());

      expect(answer === undefined).toBe(fault.dies);
      const left = leftUndone(fault);
      if (answer) {
        expect(problemIn(answer)).toMatchObject(
          left
            ? { statusCode: 403, code: scene.code }
            : { statusCode: 500, code: "internal_error" },
        );
        if (left) expect(service.reported).toContain(left);
      }
      expect([scene.code, "in_progress", "attempt_interrupted"]).toContain(again.code);
      expect([scene.code, "attempt_interrupted"]).toContain(later.code);
      if (again.code === scene.code) expect(later.code).toBe(scene.code);
      // It was told before it was written down, if at all.
      const isEndKnown = !fault.dies && left === "approval_not_recorded" && !fault.lasts;
      if (isEndKnown || scene.code === "session_mismatch") expect(again.code).toBe(scene.code);
      const shown = JSON.parse((await service.attempt(alice, attemptId)).body);
      expect(shown).toMatchObject({ status: "failed", problem: { code: later.code } });
    });

    it("keeps nobody from starting again", async () => {
      const { service } = await completed(scene, fault);

      expect((await service.connect(alice)).statusCode).toBe(200);
    });
  },
);
