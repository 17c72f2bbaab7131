import { expect, it } from "vitest";
import { stepLimits, timeBudget } from "../../../functions/token-fetch/time-budget.ts";
import { stages } from "../../../infra/aws/stages.ts";
import { synthesized } from "../../infra/aws/synthesized.ts";

const { table, secret, secretTries, secretTry, tokenCall } = stepLimits;
const { invocation, lease, longestWait, note, refresh, save } = timeBudget;

it("an invocation has as long as Lambda gives it", async () => {
  const stage = await synthesized(stages.dev);

  const { Properties } = stage.resource("AWS::Lambda::Function", "TokenFetchFunction");

  expect(Properties.Timeout).toBe(invocation);
});

it("a lease outlives all that happens under it, and an invocation outlives the lease", () => {
  const refreshToken = secret;
  const credential = secret;
  const sealing = secret;

  expect(save).toBeGreaterThanOrEqual(sealing + table);
  expect(refreshToken + credential + tokenCall + save).toBeLessThan(lease);
  expect(refresh).toBeGreaterThanOrEqual(refreshToken + credential + tokenCall + save + note);
  expect(note).toBeGreaterThanOrEqual(table);
  expect(lease).toBeLessThan(invocation);
});

it("whoever has waited as long as it may has time for a refresh of its own", () => {
  expect(longestWait + refresh).toBeLessThanOrEqual(invocation);
});

it("whoever waits outwaits the slowest answer of Microsoft", () => {
  expect(longestWait).toBeGreaterThan(tokenCall);
});

it("a call of Secrets Manager has time for all its tries", () => {
  expect(secretTries).toBeGreaterThan(1);
  expect(secretTries * secretTry).toBeLessThan(secret);
});
