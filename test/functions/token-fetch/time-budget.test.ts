import { expect, it } from "vitest";
import { timeBudget } from "../../../functions/token-fetch/time-budget.ts";
import { stages } from "../../../infra/aws/stages.ts";
import { synthesized } from "../../infra/aws/synthesized.ts";

it("an invocation has as long as Lambda gives it", async () => {
  const stage = await synthesized(stages.dev);

  const { Properties } = stage.resource("AWS::Lambda::Function", "TokenFetchFunction");

  expect(Properties.Timeout).toBe(timeBudget.invocation);
});
