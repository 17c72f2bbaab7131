import { beforeEach, describe, expect, it } from "vitest";
import { attemptLifetimeSeconds } from "../../../shared/domain/attempt.ts";
import type { HttpResponse } from "../../../shared/http/response.ts";
import { captureLog } from "../../fakes/captured-log.ts";
import { everyBreak, type FaultyCall, isDoneIn, watchedCalls } from "../../fakes/every-fault.ts";
import { alice, alicesConnection } from "../../fakes/samples.ts";
import { broughtBack, problemIn, serviceInMemory } from "../../fakes/service-in-memory.ts";
import { stopTimers } from "../../fakes/stopped-timers.ts";

captureLog();
beforeEach(stopTimers);

interface Scene {
  readonly what: string;
  readonly calls: readonly string[];
  readonly brought?: Readonly<Record<string, string>>;
  /** What it ends with if it is completed. */
  readonly end?: string;
  readonly cameBefore?: boolean;
  readonly isLate?: boolean;
}

const code = { code: "the-code" };
const scenes: readonly Scene[] = [
  { what: "a code", calls: ["sealer.seal", "attempts.park"] },
  {
    what: "a refusal",
    calls: ["attempts.park"],
    brought: { error: "access_denied", error_description: "AADSTS65004" },
    end: "access_declined",
  },
  {
    what: "a code that comes again",
    calls: ["sealer.seal", "attempts.park", "attempts.find"],
    cameBefore: true,
  },
  {
    what: "a code that comes too late",
    calls: ["sealer.seal", "attempts.park", "attempts.find", "attempts.noteLateAnswer"],
    isLate: true,
  },
];

/** A browser that comes back, with a fault, if one is given. */
const returned = async (scene: Scene, fault?: FaultyCall) => {
  const { brought = code, cameBefore = false, isLate = false } = scene;
  const { intercept, made, watch } = watchedCalls(fault);
  const service = serviceInMemory({ intercept });
  const { state, attemptId } = await service.begin(alice);
  const post = () => service.callback({ state, ...brought });
  const before = cameBefore ? await post() : undefined;
  if (isLate) service.clock.pass(attemptLifetimeSeconds + 1);
  return { service, attemptId, made, before, post, answer: await watch(post) };
};

const valueIn = (answer: HttpResponse | undefined): string[] => {
  const { completion } = answer ? broughtBack(answer) : { completion: "" };
  return completion === "" ? [] : [completion];
};

it.for(scenes)("$what takes these calls and no others", async (scene) => {
  const { made, answer } = await returned(scene);

  expect(answer?.statusCode).toBe(303);
  expect(made).toEqual(scene.calls);
});

describe.for(everyBreak(scenes))(
  "of $scene.what, call $fault.index ($fault.name) $fault.what",
  ({ scene, fault }) => {
    it("leads on only if all is kept, and else has the same form posted again, which does", async () => {
      const { answer, post } = await returned(scene, fault);

      const again = await post();

      expect(answer?.statusCode).toBe(fault.dies ? undefined : 503);
      expect(again.statusCode).toBe(303);
    });

    it("hands out the value once at most, and sends the code only for that one", async () => {
      const { service, attemptId, before, answer, post } = await returned(scene, fault);
      const answers = [before, answer, await post(), await post()];

      const values = answers.flatMap(valueIn);
      const isLost = !scene.cameBefore && isDoneIn(scene, fault, "attempts.park");
      expect(values).toHaveLength(scene.isLate || isLost ? 0 : 1);
      const completed = values.map((completion) => ({ attemptId, completion }));
      for (const value of completed) {
        const end = await service.complete(alice, value);
        if (scene.end) expect(problemIn(end).code).toBe(scene.end);
        else expect(end.statusCode).toBe(200);
      }
      const isConnected = values.length > 0 && !scene.end;
      expect(service.identity.redeemed).toHaveLength(isConnected ? 1 : 0);
      expect(service.vault.entries.size).toBe(isConnected ? 1 : 0);
      const stored = await service.connections.findOwned(alicesConnection, alice);
      expect(stored !== undefined).toBe(isConnected);
    });

    it("keeps nobody from starting again", async () => {
      const { service } = await returned(scene, fault);

      expect((await service.connect(alice)).statusCode).toBe(200);
    });
  },
);
