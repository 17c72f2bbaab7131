import { beforeEach, describe, expect, it } from "vitest";
import type { LeftUndone } from "../../../functions/complete/complete-authorization.ts";
import { redemptionLimitSeconds } from "../../../shared/domain/attempt.ts";
import type { HttpResponse } from "../../../shared/http/response.ts";
import { captureLog } from "../../fakes/captured-log.ts";
import { everyFault, type FaultyCall, watchedCalls } from "../../fakes/every-fault.ts";
import { alice, alicesConnection } from "../../fakes/samples.ts";
import { problemIn, type ServiceInMemory, serviceInMemory } from "../../fakes/service-in-memory.ts";
import { stopTimers } from "../../fakes/stopped-timers.ts";

const log = captureLog();
beforeEach(stopTimers);

const calls = [
  "attempts.take",
  "signInSealer.open",
  "signInSealer.open",
  "identity.redeemCode",
  "mailboxes.probe",
  "tokenSealer.seal",
  "vault.create",
  "connections.connect",
  "attempts.end",
  "consents.find",
  "consents.record",
];
/** Of a tenant that is known, a request of the person may wait. */
const callsOfReconnect = [...calls.toSpliced(-2, 0, "vault.erase"), "requests.find"];

const leftUndone: Readonly<Record<string, LeftUndone>> = {
  "vault.erase": "vault_entry_left",
  "attempts.end": "attempt_end_not_recorded",
  "consents.find": "approval_not_recorded",
  "consents.record": "approval_not_recorded",
  "requests.find": "approval_not_recorded",
};

const scenes = [
  { before: "nothing", calls },
  { before: "a connection", calls: callsOfReconnect },
];

/** A sign-in that came back, and is completed with a fault, if one is given. */
const prepared = async (before: string, fault?: FaultyCall) => {
  const { intercept, made, watch } = watchedCalls(fault);
  const service = serviceInMemory({ intercept });
  if (before === "a connection") await service.connect(alice);
  const brought = await service.comeBack((await service.begin(alice)).state);
  const sentBefore = service.identity.redeemed.length;
  return {
    service,
    brought,
    made,
    timesSent: () => service.identity.redeemed.length - sentBefore,
    complete: (): Promise<HttpResponse | undefined> =>
      watch(() => service.complete(alice, brought)),
  };
};

const storedIn = ({ connections }: ServiceInMemory) =>
  connections.findForWorkspace(alicesConnection, alice.workspaceId, { consistent: true });

it.for(scenes)("completing over $before makes these calls and no others", async (scene) => {
  const { complete, made } = await prepared(scene.before);

  await complete();

  expect(made).toEqual(scene.calls);
});

describe.for(
  scenes.flatMap(({ before, calls }) => everyFault(calls).map((fault) => ({ before, ...fault }))),
)("over $before, call $index ($name) $what", ({ before, ...fault }) => {
  const { name, dies } = fault;
  const broken = async () => {
    const { complete, ...rest } = await prepared(before, fault);
    const entryBefore = (await storedIn(rest.service))?.vaultEntry;
    const answer = await complete();
    const isConnected = (await storedIn(rest.service))?.vaultEntry !== entryBefore;
    return { answer, isConnected, ...rest };
  };

  it("sends the code at most once, and leaves no connection without its secret", async () => {
    const { service, brought, answer, timesSent } = await broken();

    const retried = await service.complete(alice, brought);
    service.clock.pass(redemptionLimitSeconds + 1);
    const later = await service.complete(alice, brought);

    expect(timesSent()).toBeLessThanOrEqual(1);
    expect(answer === undefined).toBe(dies);
    const stored = await storedIn(service);
    if (answer?.statusCode === 200) expect(stored?.status).toBe("connected");
    else if (answer) expect(problemIn(answer).code).toBe("internal_error");
    // What the person does not notice is said to the operator.
    const left = dies ? undefined : leftUndone[name];
    if (left) expect(answer?.statusCode).toBe(200);
    expect(service.reported).toEqual(left ? [left] : []);
    if (before === "a connection") expect(stored).toBeDefined();
    if (stored) expect(service.vault.entries.has(stored.vaultEntry)).toBe(true);
    const unnamed = [...service.vault.entries.keys()].filter((key) => key !== stored?.vaultEntry);
    expect(unnamed.length).toBeLessThanOrEqual(1);
    // A take that never happened leaves the sign-in as it was: only then it can still succeed.
    for (const { statusCode, body } of [retried, later]) {
      const end = statusCode === 200 ? "connected" : JSON.parse(body).code;
      expect(["connected", "in_progress", "attempt_interrupted"]).toContain(end);
    }
    expect(JSON.parse(later.body).code).not.toBe("in_progress");
    // Whoever lives on tells the page at once; only of a take without an answer nobody knows, and an end
    // that could not be written down was told in the answer itself.
    const isTold = !dies && !["attempts.take", "attempts.end"].includes(name);
    if (isTold) expect(JSON.parse(retried.body).code).not.toBe("in_progress");
    if (retried.statusCode === 200) expect(later).toEqual(retried);
  });

  it("says that the mailbox is connected if it is, and only then", async () => {
    const { answer, isConnected } = await broken();

    if (!dies) expect(answer?.statusCode).toBe(isConnected ? 200 : 500);
  });

  it("leaves a line in the log of each mailbox that is connected, though the rest fails", async () => {
    const connectedLines = () =>
      log.lines().filter((line) => JSON.parse(line).message === "mailbox connected").length;

    const { isConnected } = await broken();

    const linesBefore = before === "a connection" ? 1 : 0;
    const diedUnanswered = dies && name === "connections.connect";
    expect(connectedLines() - linesBefore).toBe(isConnected && !diedUnanswered ? 1 : 0);
  });

  it("keeps nobody from starting again", async () => {
    const { service } = await broken();

    const { statusCode } = await service.connect(alice);

    const stored = await storedIn(service);
    expect(statusCode).toBe(200);
    expect(service.vault.entries.has(stored?.vaultEntry ?? "")).toBe(true);
  });
});
