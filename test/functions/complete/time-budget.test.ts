import { expect, it } from "vitest";
import { stepLimits, timeBudget } from "../../../functions/complete/time-budget.ts";
import { stages } from "../../../infra/aws/stages.ts";
import { tokenCallMilliseconds } from "../../../shared/adapters/microsoft/token-exchange.ts";
import { answerMilliseconds } from "../../../shared/http/endpoint.ts";
import { synthesized } from "../../infra/aws/synthesized.ts";

const { entry, entryTries, entryTry, connect, look, end } = stepLimits;
const { invocation, store, answer } = timeBudget;

it("an invocation has as long as Lambda gives it", async () => {
  const stage = await synthesized(stages.dev);

  const { Properties } = stage.resource("AWS::Lambda::Function", "CompleteFunction");

  expect(Properties.Timeout).toBe(invocation);
});

it("what is begun when a sign-in is proved is done, and told, before an answer must be there", () => {
  expect(store).toBeGreaterThanOrEqual(entry + connect + look + end + answer);
  expect(timeBudget.end).toBeGreaterThanOrEqual(end + answer);
  expect(answer).toBeGreaterThan(0);
});

it("the slowest answer of Microsoft that is waited for leaves time for a slow mailbox, and for all that follows", () => {
  const slowMailbox = 5;

  expect(
    tokenCallMilliseconds / 1000 + slowMailbox + store + answerMilliseconds / 1000,
  ).toBeLessThan(invocation);
});

it("making the vault's entry has time for all its tries", () => {
  expect(entryTries).toBeGreaterThan(1);
  expect(entryTries * entryTry).toBeLessThan(entry);
});
