import { beforeEach, describe, expect, it } from "vitest";
import { heldSeconds } from "../../../shared/domain/consent-request.ts";
import type { HttpResponse } from "../../../shared/http/response.ts";
import { captureLog } from "../../fakes/captured-log.ts";
import { everyFault, everyOutage, type FaultyCall, watchedCalls } from "../../fakes/every-fault.ts";
import { alice, mallory } from "../../fakes/samples.ts";
import { problemIn, serviceInMemory } from "../../fakes/service-in-memory.ts";
import { stopTimers } from "../../fakes/stopped-timers.ts";

captureLog();
beforeEach(stopTimers);

const administrator = "it@north.example";

const calls = [
  "tenants.ofDomain",
  "attempts.find",
  "tenants.ofDomain",
  "consents.find",
  "sealer.seal",
  "requests.open",
  "consents.record",
  "sealer.open",
  "requests.waiting",
  "ledger.claim",
  "requests.noteMail",
  "ledger.begin",
  "mailer.sendMail",
];
const scenes = [
  { outcome: "sent", calls: [...calls, "requests.noteMail"] },
  { outcome: "unknown", calls: [...calls, "requests.noteMail"] },
  { outcome: "refused", calls: [...calls, "ledger.release", "requests.noteMail"] },
] as const;
type Outcome = (typeof scenes)[number]["outcome"];

/** Alice, who is kept on Microsoft's page and asks with a fault, if one is given, and her colleague. */
const prepared = async (outcome: Outcome, fault?: FaultyCall) => {
  let outcomeNow: Outcome = outcome;
  const { intercept, made, watch } = watchedCalls(fault);
  const service = serviceInMemory({ intercept, sendMail: async () => outcomeNow });
  const attempts = { alice: await service.begin(alice), mallory: await service.begin(mallory) };
  const ask = (who: keyof typeof attempts) =>
    service.askAdministrator(who === "alice" ? alice : mallory, {
      attemptId: attempts[who].attemptId,
      adminEmail: administrator,
    });
  const mailOf = ({ body }: HttpResponse): string => {
    const { mail, code } = JSON.parse(body);
    return mail?.status ?? code;
  };
  return {
    service,
    made,
    askWithFault: (): Promise<HttpResponse | undefined> => watch(() => ask("alice")),
    ask: async (who: keyof typeof attempts) => {
      outcomeNow = "sent";
      return mailOf(await ask(who));
    },
    mailOf,
    /** What a page of hers shows that is opened now. */
    shown: async () => JSON.parse((await service.approval(alice)).body).mail?.status,
  };
};

it.for(scenes)("a mail that is $outcome takes these calls and no others", async (scene) => {
  const { askWithFault, made } = await prepared(scene.outcome);

  await askWithFault();

  expect(made).toEqual(scene.calls);
});

describe.for(
  scenes.flatMap(({ outcome, calls }) =>
    [...everyFault(calls), ...everyOutage(calls)].map((fault) => ({ outcome, ...fault })),
  ),
)("of a mail that is $outcome, call $index ($name) $what", ({ outcome, ...fault }) => {
  const { index, dies, isDone, lasts } = fault;
  const [claim, begin, send] = ["ledger.claim", "ledger.begin", "mailer.sendMail"].map((name) =>
    calls.indexOf(name),
  ) as [number, number, number];
  const done = isDone ? index + 1 : index;
  const isHandedOver = done > send;
  const isRefused = outcome === "refused";
  /** As it is, by a process that can put nothing right. */
  const isLeft = dies || lasts;
  /** As far as anybody who is left can know. */
  const mayHaveArrived = isLeft
    ? done > begin && !(isRefused && done > send + 1)
    : index >= send && !(isRefused && index > send);
  /** Nobody who is left knows whether the mail is about to be begun. */
  const isHeld = done > claim && (isLeft ? done <= begin : index === claim);

  const broken = async () => {
    const scene = await prepared(outcome, fault);
    const answer = await scene.askWithFault();
    expect(scene.service.mails).toHaveLength(isHandedOver ? 1 : 0);
    const sentSince = () => scene.service.mails.length - (isHandedOver ? 1 : 0);
    return { ...scene, answer, sentSince };
  };

  it("tells the person nothing that is not shown later, too", async () => {
    const { answer, mailOf, shown } = await broken();

    expect(answer === undefined).toBe(dies);
    if (answer?.statusCode === 200) expect(await shown()).toBe(mailOf(answer));
    else if (answer) expect(problemIn(answer).code).toBe("internal_error");
  });

  it("lets the person ask again a minute later: a mail that may have arrived is not sent twice", async () => {
    const { service, ask, shown, sentSince } = await broken();
    service.clock.pass(heldSeconds);

    const again = await ask("alice");

    expect(mayHaveArrived ? ["sending", outcome] : ["sent"]).toContain(again);
    expect(await shown()).toBe(again);
    expect(await ask("alice")).toBe(again);
    expect(sentSince()).toBe(mayHaveArrived ? 0 : 1);
  });

  it("has a colleague at once join a mail that may have arrived, and no other", async () => {
    const { ask, sentSince } = await broken();

    const colleagues = await ask("mallory");

    const otherwise = isHeld ? "temporarily_unavailable" : "sent";
    expect(colleagues).toBe(mayHaveArrived ? "joined" : otherwise);
    expect(sentSince()).toBe(colleagues === "sent" ? 1 : 0);
  });

  it("has a colleague a minute later join a mail that may have arrived, or send it for both", async () => {
    const { service, ask, sentSince } = await broken();
    await ask("mallory");
    service.clock.pass(heldSeconds);

    expect(await ask("mallory")).toBe(mayHaveArrived ? "joined" : "sent");
    await ask("alice");
    expect(sentSince()).toBe(mayHaveArrived ? 0 : 1);
  });
});
