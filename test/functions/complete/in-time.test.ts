import { describe, expect, it } from "vitest";
import { timeBudget } from "../../../functions/complete/time-budget.ts";
import { answerMilliseconds } from "../../../shared/http/endpoint.ts";
import { captureLog } from "../../fakes/captured-log.ts";
import { lambdaContext } from "../../fakes/http-event.ts";
import { hurriedLimits } from "../../fakes/hurried-limits.ts";
import { type Intercept, neverSettles } from "../../fakes/intercepted.ts";
import { alice, alicesConnection, microsoftFailure } from "../../fakes/samples.ts";
import {
  broughtBack,
  problemIn,
  type ServiceInMemory,
  serviceInMemory,
} from "../../fakes/service-in-memory.ts";

captureLog();

/** A sign-in that came back to a mailbox that is connected already, and from now on what `act` makes of each call. */
const reconnecting = async (act: Intercept) => {
  let isArmed = false;
  const service = serviceInMemory({
    intercept: (name, call) => (isArmed ? act(name, call) : call()),
  });
  await service.connect(alice);
  const before = await storedIn(service);
  const brought = await service.comeBack((await service.begin(alice)).state);
  isArmed = true;
  const limits = hurriedLimits();
  const answer = await service.complete(alice, brought);
  isArmed = false;
  return { service, before, brought, answer, limits };
};

/** All but what is kept for what must follow, in milliseconds. */
const allBut = (seconds: number) =>
  lambdaContext.getRemainingTimeInMillis() - answerMilliseconds - seconds * 1000;

const storedIn = ({ connections }: ServiceInMemory) =>
  connections.findForWorkspace(alicesConnection, alice.workspaceId, { consistent: true });

const hanging =
  (hung: string): Intercept =>
  (name, call) =>
    name === hung ? neverSettles() : call();

describe.for(["signInSealer.open", "identity.redeemCode", "mailboxes.probe", "tokenSealer.seal"])(
  "a sign-in that hangs at %s",
  (hung) => {
    it("is given up while there is time to say so, with nothing stored and nothing taken away", async () => {
      const { service, before, brought, answer, limits } = await reconnecting(hanging(hung));

      expect(limits[0]).toBe(allBut(timeBudget.store));
      expect(problemIn(answer)).toEqual({
        statusCode: 503,
        code: "temporarily_unavailable",
        actor: "nobody",
      });
      expect(await storedIn(service)).toEqual(before);
      expect([...service.vault.entries.keys()]).toEqual([before?.vaultEntry]);
      const shownLater = await service.attempt(alice, brought.attemptId);
      expect(JSON.parse(shownLater.body)).toMatchObject({
        status: "failed",
        problem: { code: "temporarily_unavailable" },
      });
    });
  },
);

it("a sign-in that was given up connects nothing when Microsoft answers at last", async () => {
  const { promise: answered, resolve: answerAtLast } = Promise.withResolvers<void>();
  const { service, before } = await reconnecting(async (name, call) => {
    if (name === "identity.redeemCode") await answered;
    return call();
  });

  answerAtLast();
  await new Promise((resolve) => setImmediate(resolve));

  expect(await storedIn(service)).toEqual(before);
  expect(service.vault.entries.size).toBe(1);
});

describe("whoever is connected is told so", () => {
  it.for([
    ["attempts.end", "attempt_end_not_recorded"],
    ["vault.erase", "vault_entry_left"],
    ["consents.find", "approval_not_recorded"],
    ["consents.record", "approval_not_recorded"],
  ] as const)("although %s hangs, which the operator is told", async ([hung, left]) => {
    const { service, answer, limits } = await reconnecting(hanging(hung));

    expect(Math.max(...limits)).toBe(allBut(timeBudget.answer));
    expect(answer.statusCode).toBe(200);
    expect(service.reported).toEqual([left]);
  });

  it("although the table does what it is told, and never answers", async () => {
    const { service, before, brought, answer } = await reconnecting(async (name, call) => {
      const done = await call();
      return name === "connections.connect" ? neverSettles() : done;
    });

    expect(answer.statusCode).toBe(200);
    expect((await storedIn(service))?.vaultEntry).not.toBe(before?.vaultEntry);
    const shownLater = await service.attempt(alice, brought.attemptId);
    expect(JSON.parse(shownLater.body)).toMatchObject({ status: "completed" });
  });
});

it.for([["vault.create"], ["connections.connect"]])(
  "whose tokens could not be stored, since %s hangs, is told that it was interrupted",
  async ([hung = ""]) => {
    const { service, before, brought, answer } = await reconnecting(hanging(hung));

    expect(problemIn(answer).code).toBe("internal_error");
    expect(await storedIn(service)).toEqual(before);
    const shownLater = await service.attempt(alice, brought.attemptId);
    expect(JSON.parse(shownLater.body)).toMatchObject({
      status: "failed",
      problem: { code: "attempt_interrupted" },
    });
  },
);

it("what a refusal tells of the organisation is not waited for longer than the answer can wait", async () => {
  let isArmed = false;
  const service = serviceInMemory({
    meaningOf: () => microsoftFailure("admin_approval_required"),
    intercept: (name, call) => (isArmed && name === "consents.find" ? neverSettles() : call()),
  });
  const { state } = await service.begin(alice);
  const brought = broughtBack(await service.callback({ state, error: "access_denied" }));
  isArmed = true;
  const limits = hurriedLimits();

  const answer = await service.complete(alice, brought);

  expect(Math.max(...limits)).toBe(allBut(timeBudget.end));
  expect(problemIn(answer).code).toBe("admin_approval_required");
  expect(service.reported).toEqual(["approval_not_recorded"]);
});
