import { beforeAll, describe, expect, it } from "vitest";
import { stages } from "../../../infra/aws/stages.ts";
import { fail, succeed } from "../../../shared/domain/result.ts";
import { captureLog } from "../../fakes/captured-log.ts";
import { lambdaContext } from "../../fakes/http-event.ts";
import { alicesConnection, microsoftFailure, refreshedTokens } from "../../fakes/samples.ts";
import { type TokenFetchScript, tokenFetchInMemory } from "../../fakes/token-fetch-in-memory.ts";
import { countedAs } from "../../infra/aws/counted-lines.ts";
import { type SynthesizedStage, synthesized } from "../../infra/aws/synthesized.ts";

const log = captureLog();

let stage: SynthesizedStage;
beforeAll(async () => {
  stage = await synthesized(stages.prod);
});

/** What the lines of a log are counted as, by the filters of the stage. */
const counts = () => countedAs(stage, log.lines(), (metric) => metric.startsWith("tokens_"));

const request = {
  connectionId: alicesConnection,
  workspaceId: "ws_north",
  run: { workflowId: "wf-1", runId: "run-1" },
};

const connected = async (script: TokenFetchScript = {}) => {
  const rig = tokenFetchInMemory(script);
  await rig.connect({ expiresInSeconds: -1 });
  const { handler } = rig.environment();
  return { ...rig, ask: (more = {}) => handler({ ...request, ...more }, lambdaContext) };
};

describe("of what workers ask for", () => {
  it("a token counts as served, from wherever it came", async () => {
    const { ask } = await connected();

    await ask();
    await ask();

    expect(counts()).toEqual({ tokens_served: 2, tokens_not_served: 0, tokens_failed: 0 });
  });

  it.for(["sign_in_required", "admin_approval_required", "tenant_blocked"] as const)(
    "a refusal counts as not served, and as no failure of ours, where people must act: %s",
    async (kind) => {
      const { ask } = await connected({ refresh: async () => fail(microsoftFailure(kind)) });

      await ask();

      expect(counts()).toEqual({ tokens_served: 0, tokens_not_served: 1, tokens_failed: 0 });
    },
  );

  it.for([
    "throttled",
    "temporarily_unavailable",
    "app_credential_rejected",
    "misconfigured",
  ] as const)(
    "a refusal counts as a failure where no customer can act, once until it is tried again: %s",
    async (kind) => {
      const { ask } = await connected({ refresh: async () => fail(microsoftFailure(kind)) });

      await ask();
      await ask();

      expect(counts()).toEqual({ tokens_served: 0, tokens_not_served: 2, tokens_failed: 1 });
    },
  );

  it("an error that nobody expected counts as a failure", async () => {
    const { ask } = await connected({
      intercept: () => Promise.reject(new Error("the table is down")),
    });

    await ask();

    expect(counts()).toEqual({ tokens_served: 0, tokens_not_served: 1, tokens_failed: 1 });
  });

  it("a token that lives shorter than a worker asks for is no failure of ours", async () => {
    const { ask, clock } = await connected({
      refresh: async () =>
        succeed({
          ...refreshedTokens,
          accessTokenExpiresAt: new Date(clock.now().getTime() + 600_000),
        }),
    });

    await ask({ minTtlSeconds: 3_000 });

    expect(counts()).toEqual({ tokens_served: 0, tokens_not_served: 1, tokens_failed: 0 });
  });

  it("nothing counts that was asked wrongly", async () => {
    const { ask } = await connected();

    await ask({ minTtlSeconds: -1 });

    expect(counts()).toEqual({ tokens_served: 0, tokens_not_served: 0, tokens_failed: 0 });
  });
});

it("what is asked for to keep a connection alive hides no silence of workers", async () => {
  const { ask } = await connected();

  expect(await ask({ purpose: "keep_alive" })).toMatchObject({ ok: true });

  expect(counts()).toEqual({ tokens_served: 0, tokens_not_served: 0, tokens_failed: 0 });
});
