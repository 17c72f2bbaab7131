import { expect, it } from "vitest";
import { problemOf } from "../../../functions/complete/problem-of.ts";
import { microsoftFailure, microsoftFailureKinds } from "../../fakes/samples.ts";

it.for(microsoftFailureKinds)("says of %s who must act, as the failure does", (kind) => {
  const refusal = microsoftFailure(kind);

  const problem = problemOf({ kind: "refused", refusal });

  expect(problem.actor).toBe(refusal.actor);
  expect(problem.message).toMatch(/^[A-Z].*[.]$/);
});

it.for(["throttled", "temporarily_unavailable"] as const)(
  "says of %s when to come again, as Microsoft does or half a minute later",
  (kind) => {
    const told = problemOf({
      kind: "refused",
      refusal: microsoftFailure(kind, { retryAfterSeconds: 7 }),
    });
    const untold = problemOf({ kind: "refused", refusal: microsoftFailure(kind) });

    expect(told.retryAfterSeconds).toBe(7);
    expect(untold.retryAfterSeconds).toBe(30);
  },
);

it("claims that somebody was alerted only where that is so: what a browser brings alerts nobody", () => {
  const refused = (...values: Parameters<typeof microsoftFailure>) =>
    problemOf({ kind: "refused", refusal: microsoftFailure(...values) }).message;
  const rejected = (check: string) => problemOf({ kind: "id_token_rejected", check }).message;

  expect(refused("misconfigured")).toContain("alerted");
  expect(rejected("signature")).toContain("alerted");
  expect(refused("misconfigured", { byRedirect: true })).not.toContain("alerted");
  expect(refused("app_refused")).not.toContain("alerted");
  expect(rejected("nonce")).not.toContain("alerted");
});

it("shows an earlier end as it was stored", () => {
  const problem = { code: "account_disabled", actor: "tenant_admin", message: "Off." } as const;

  expect(problemOf({ kind: "failed_before", problem })).toEqual(problem);
});

it("shows an end whose code it does not know under one that every client knows", () => {
  const problem = { code: "of_a_later_version", actor: "user", message: "New." } as const;

  expect(problemOf({ kind: "failed_before", problem })).toEqual({
    ...problem,
    code: "attempt_interrupted",
  });
});
