import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  classifyRedirect,
  classifyRefusal,
  type MicrosoftRefusal,
} from "../../../../shared/adapters/microsoft/failure-table.ts";
import type { Actor } from "../../../../shared/domain/actor.ts";
import { failureCodeOf, type MicrosoftFailureKind } from "../../../../shared/domain/microsoft.ts";
import { evidenceInDescription } from "../../../../shared/domain/microsoft-evidence.ts";

type Expected = readonly [
  kind: MicrosoftFailureKind,
  actor: Actor,
  retry?: "retry" | `retry after ${number}`,
];

/**
 * Every AADSTS number that Microsoft documents for these endpoints, with the `error` and `suberror` it
 * comes with, and what must be done about it.
 *
 * https://learn.microsoft.com/entra/identity-platform/reference-error-codes
 */
const rows: readonly (readonly [
  numbers: readonly number[],
  error: string,
  suberror: string | undefined,
  expected: Expected,
])[] = [
  // Consent
  [[65004], "access_denied", undefined, ["access_declined", "user"]],
  [[65001], "invalid_grant", "consent_required", ["admin_approval_required", "tenant_admin"]],
  [[65001], "interaction_required", undefined, ["admin_approval_required", "tenant_admin"]],
  [
    [90094, 90093, 90095, 900941, 900981],
    "access_denied",
    undefined,
    ["admin_approval_required", "tenant_admin"],
  ],
  [[90099], "unauthorized_client", undefined, ["admin_approval_required", "tenant_admin"]],
  [[90097, 900971], "invalid_request", undefined, ["misconfigured", "operator"]],
  [[90090, 90091], "server_error", undefined, ["temporarily_unavailable", "nobody", "retry"]],
  [[90008], "invalid_request", undefined, ["misconfigured", "operator"]],
  // The app in the tenant
  [[50105], "interaction_required", undefined, ["tenant_blocked", "tenant_admin"]],
  [[7000112, 70001, 1000031], "unauthorized_client", undefined, ["tenant_blocked", "tenant_admin"]],
  [[700016, 700011], "unauthorized_client", undefined, ["admin_approval_required", "tenant_admin"]],
  [
    [50194, 90124, 90130, 9002332, 9001023],
    "unauthorized_client",
    undefined,
    ["misconfigured", "operator"],
  ],
  [
    [650054, 65005, 650056, 650057, 50001],
    "invalid_resource",
    undefined,
    ["misconfigured", "operator"],
  ],
  [[500011, 500014], "invalid_resource", undefined, ["tenant_blocked", "tenant_admin"]],
  [[500011, 500014], "invalid_client", undefined, ["tenant_blocked", "tenant_admin"]],
  [[650052], "invalid_client", undefined, ["tenant_blocked", "tenant_admin"]],
  [[50011, 70004], "invalid_request", undefined, ["misconfigured", "operator"]],
  // The account
  [
    [50020, 50034, 51004, 16000, 50014, 90072, 500208, 50136],
    "interaction_required",
    undefined,
    ["account_type_not_supported", "user"],
  ],
  [
    [500021, 500022, 500212, 500213],
    "access_denied",
    undefined,
    ["tenant_blocked", "tenant_admin"],
  ],
  [
    [50076, 50079, 50072, 50074, 50078],
    "invalid_grant",
    "basic_action",
    ["sign_in_required", "user"],
  ],
  [
    [50076, 50079, 50072, 50074, 50078, 50158],
    "interaction_required",
    undefined,
    ["sign_in_required", "user"],
  ],
  [
    [50097, 53000, 53001, 50129, 50187],
    "interaction_required",
    undefined,
    ["sign_in_required", "user"],
  ],
  [
    [53003, 530032, 530034, 530035, 53011, 53004, 50131, 53002],
    "invalid_grant",
    "message_only",
    ["tenant_blocked", "tenant_admin"],
  ],
  [
    [53003, 530032, 530034, 530035, 53011, 53004, 50131, 53002],
    "interaction_required",
    undefined,
    ["tenant_blocked", "tenant_admin"],
  ],
  [[70043], "invalid_grant", "token_expired", ["sign_in_required", "user"]],
  [[50055, 50144, 50125], "invalid_grant", "user_password_expired", ["sign_in_required", "user"]],
  [[50057], "invalid_grant", undefined, ["account_disabled", "tenant_admin"]],
  [[50053], "invalid_grant", undefined, ["temporarily_unavailable", "nobody", "retry after 900"]],
  // Codes and tokens
  [[70008, 54005, 70000, 700082], "invalid_grant", undefined, ["sign_in_required", "user"]],
  [[700005, 501481, 50147, 501491], "invalid_request", undefined, ["sign_in_required", "user"]],
  [[700082], "invalid_grant", "token_expired", ["sign_in_required", "user"]],
  [[50173, 50132, 50133, 50089], "invalid_grant", "bad_token", ["sign_in_required", "user"]],
  [[700020], "interaction_required", undefined, ["sign_in_required", "user"]],
  [[700084], "invalid_grant", undefined, ["misconfigured", "operator"]],
  // Our credential and our request
  [
    [7000222, 7000215, 70002, 7000218, 700025, 700027, 50012],
    "invalid_client",
    undefined,
    ["app_credential_rejected", "operator"],
  ],
  [[7000218], "invalid_request", undefined, ["app_credential_rejected", "operator"]],
  [
    [70021, 700213, 700211, 700212],
    "invalid_request",
    undefined,
    ["app_credential_rejected", "operator", "retry after 120"],
  ],
  [
    [70011, 28002, 28003, 700022, 700023],
    "invalid_scope",
    undefined,
    ["misconfigured", "operator"],
  ],
  [
    [900144, 90014, 9002313, 90023, 90004, 90100],
    "invalid_request",
    undefined,
    ["misconfigured", "operator"],
  ],
  // Microsoft's own state
  [[50196], "invalid_grant", undefined, ["throttled", "nobody", "retry after 300"]],
  [[90055], "temporarily_unavailable", undefined, ["throttled", "nobody", "retry"]],
  [
    [90033, 90024, 90006, 90012, 50033, 50087, 70012],
    "server_error",
    undefined,
    ["temporarily_unavailable", "nobody", "retry"],
  ],
  [[50059, 50128, 90019], "invalid_request", undefined, ["misconfigured", "operator"]],
  [[90002], "invalid_request", undefined, ["tenant_blocked", "tenant_admin"]],
  [
    [90038, 900439, 900382, 900432],
    "invalid_request",
    undefined,
    ["account_type_not_supported", "user"],
  ],
];

const cases = rows.flatMap(([numbers, error, suberror, expected]) =>
  numbers.map((number) => ({ number, error, suberror, expected })),
);

const refusal = (
  error: string,
  suberror?: string,
  errorCodes: readonly number[] = [],
  more: Partial<MicrosoftRefusal> & { readonly httpStatus?: number } = {},
): MicrosoftRefusal => {
  const { httpStatus = 400, ...rest } = more;
  return {
    evidence: { error, errorCodes, httpStatus, ...(suberror !== undefined && { suberror }) },
    ...rest,
  };
};

const outcomeOf = ([kind, actor, retry]: Expected) => {
  const [, seconds] = /^retry after (\d+)$/.exec(retry ?? "") ?? [];
  return {
    kind,
    actor,
    retryable: retry !== undefined,
    ...(seconds !== undefined && { retryAfterSeconds: Number(seconds) }),
  };
};

/** Numbers that the table does not know. */
const unknownNumbers = [1234, 9999999];

describe("a documented number", () => {
  it.for(cases)("AADSTS$number with $error ($suberror) is $expected", (row) => {
    const failure = classifyRefusal(refusal(row.error, row.suberror, [row.number]));

    expect(failure).toMatchObject({ ...outcomeOf(row.expected), certain: true });
    expect("retryAfterSeconds" in failure).toBe(/^retry after/.test(row.expected[2] ?? ""));
  });

  it.for(cases)("AADSTS$number means the same whatever error it comes with", (row) => {
    const failure = classifyRefusal(refusal("some_new_error", undefined, [row.number]));

    expect(failure).toMatchObject(outcomeOf(row.expected));
  });

  it("is found behind numbers that are not known", () => {
    const failure = classifyRefusal(refusal("invalid_grant", undefined, [1234, 50057]));

    expect(failure.kind).toBe("account_disabled");
  });
});

it("only a locked account, and one that asks too often for the same, say nothing of others", () => {
  const alone = cases.filter(
    ({ number, error, suberror }) =>
      classifyRefusal(refusal(error, suberror, [number])).accountAlone,
  );

  expect(alone.map(({ number }) => number)).toEqual([50053, 50196]);
});

it("only a missing assignment says that the account is not assigned", () => {
  const unassigned = cases.filter(
    ({ number, error, suberror }) =>
      classifyRefusal(refusal(error, suberror, [number])).notAssigned,
  );

  expect(unassigned.map(({ number }) => number)).toEqual([50105]);
});

describe("a number of the app's credential beside a refused grant", () => {
  // The grant was looked at, so the credential was taken: it is this connection's alone.
  it.for<readonly [numbers: readonly number[], certain: boolean]>([
    [[70002, 70008], true],
    [[70002], false],
    [[7000222], false],
  ])("%s is the connection's own", ([numbers, certain]) => {
    const failure = classifyRefusal(refusal("invalid_grant", undefined, numbers));

    expect(failure).toMatchObject({ kind: "sign_in_required", actor: "user", certain });
  });
});

describe("a number of a malformed request beside a refused grant", () => {
  // Whoever signs in can post a code of their own making.
  it.for([9002313, 900144, 90014, 90023, 90004, 90100, 70011, 28002, 28003])(
    "AADSTS%i is the grant's where a browser brought it, and alarms nobody; beside our own token it is ours",
    (number) => {
      const refused = refusal("invalid_grant", undefined, [number]);

      expect(classifyRefusal({ ...refused, grantIsFromBrowser: true })).toMatchObject({
        kind: "sign_in_required",
        actor: "user",
        certain: false,
      });
      expect(classifyRefusal(refused)).toMatchObject({ kind: "misconfigured", actor: "operator" });
    },
  );
});

describe("an unknown number", () => {
  it.for<readonly [suberror: string, kind: MicrosoftFailureKind]>([
    ["consent_required", "admin_approval_required"],
    ["bad_token", "sign_in_required"],
    ["token_expired", "sign_in_required"],
    ["user_password_expired", "sign_in_required"],
    ["basic_action", "sign_in_required"],
    ["additional_action", "sign_in_required"],
    ["ui_not_allowed", "sign_in_required"],
    ["interrupted_user", "sign_in_required"],
    ["message_only", "tenant_blocked"],
  ])("is what its suberror %s says, %s, for sure", ([suberror, kind]) => {
    for (const errorCodes of [[], unknownNumbers]) {
      const failure = classifyRefusal(refusal("invalid_grant", suberror, errorCodes));

      expect(failure).toMatchObject({ kind, certain: true, retryable: false });
    }
  });

  it.for<readonly [error: string, expected: Expected]>([
    ["access_denied", ["access_declined", "user"]],
    ["consent_required", ["admin_approval_required", "tenant_admin"]],
    ["interaction_required", ["sign_in_required", "user"]],
    ["login_required", ["sign_in_required", "user"]],
    ["account_selection_required", ["sign_in_required", "user"]],
    ["invalid_grant", ["sign_in_required", "user"]],
    ["invalid_client", ["app_refused", "operator"]],
    ["unauthorized_client", ["misconfigured", "operator"]],
    ["invalid_request", ["misconfigured", "operator"]],
    ["invalid_scope", ["misconfigured", "operator"]],
    ["invalid_resource", ["misconfigured", "operator"]],
    ["server_error", ["temporarily_unavailable", "nobody", "retry"]],
    ["temporarily_unavailable", ["temporarily_unavailable", "nobody", "retry"]],
    ["an_error_of_tomorrow", ["temporarily_unavailable", "nobody", "retry"]],
  ])("without a known suberror is what its error %s says", ([error, expected]) => {
    for (const suberror of [undefined, "a_suberror_of_tomorrow"]) {
      const failure = classifyRefusal(refusal(error, suberror, unknownNumbers));

      expect(failure).toMatchObject(outcomeOf(expected));
    }
  });

  it("beside invalid_client may be one tenant's, so that only no number at all is of the app's credential", () => {
    expect(classifyRefusal(refusal("invalid_client", undefined, [1234]))).toMatchObject({
      kind: "app_refused",
      retryAfterSeconds: 120,
    });
    expect(classifyRefusal(refusal("invalid_client", undefined, [1234, 7000222])).kind).toBe(
      "app_credential_rejected",
    );
    expect(classifyRefusal(refusal("invalid_client")).kind).toBe("app_credential_rejected");
  });

  it("leaves an invalid_grant without a reason uncertain, and nothing else of the token endpoint", () => {
    const certain = (error: string) => classifyRefusal(refusal(error)).certain;

    expect(certain("invalid_grant")).toBe(false);
    for (const error of ["interaction_required", "invalid_client", "consent_required"]) {
      expect(certain(error)).toBe(true);
    }
  });

  it.for([500, 502, 503, 504])("with HTTP %i is an outage, whatever its error", (httpStatus) => {
    for (const error of ["invalid_grant", "invalid_client", `http_${httpStatus}`]) {
      const failure = classifyRefusal(refusal(error, undefined, [], { httpStatus }));

      expect(failure).toMatchObject(outcomeOf(["temporarily_unavailable", "nobody", "retry"]));
    }
  });

  it("with HTTP 429 is throttling, and never ends a connection", () => {
    for (const error of ["invalid_grant", "invalid_client", "http_429"]) {
      const failure = classifyRefusal(refusal(error, undefined, [], { httpStatus: 429 }));

      expect(failure).toMatchObject(outcomeOf(["throttled", "nobody", "retry"]));
    }
  });
});

it("passes on the wait that Microsoft asks for before its own", () => {
  const failure = classifyRefusal(
    refusal("invalid_grant", undefined, [50196], { retryAfterSeconds: 42 }),
  );

  expect(failure.retryAfterSeconds).toBe(42);
});

it("passes on claims for the next sign-in", () => {
  const claims = '{"access_token":{"capolids":{"essential":true,"values":["id"]}}}';

  const failure = classifyRefusal(refusal("interaction_required", undefined, [50076], { claims }));

  expect(failure.claims).toBe(claims);
});

describe("a personal account", () => {
  it.for([
    refusal("invalid_grant", "consent_required", [65001], { personalAccount: true }),
    refusal("invalid_grant", "consent_required", [], { personalAccount: true }),
    refusal("consent_required", undefined, [], { personalAccount: true }),
    refusal("access_denied", undefined, [90094], { personalAccount: true }),
  ])("has no administrator, so its owner signs in again", (from) => {
    expect(classifyRefusal(from)).toMatchObject(outcomeOf(["sign_in_required", "user"]));
  });

  it("is refused for everything else like any account", () => {
    const failure = classifyRefusal(
      refusal("invalid_grant", undefined, [50053], { personalAccount: true }),
    );

    expect(failure.kind).toBe("temporarily_unavailable");
  });
});

describe("the redirect back from Microsoft", () => {
  const redirect = (error: string, description = "", errorSubcode?: string) =>
    classifyRedirect({
      error,
      ...evidenceInDescription(description),
      ...(errorSubcode !== undefined && { errorSubcode }),
    });

  it.for<readonly [string, Parameters<typeof redirect>, Expected, certain: boolean]>([
    [
      "Cancel on the consent page, or an approval request that was sent",
      ["access_denied", "AADSTS65004: User declined to consent to access the app.", undefined],
      ["access_declined", "user"],
      true,
    ],
    [
      "the same with a subcode",
      ["access_denied", "AADSTS65004: User declined to consent.", "cancel"],
      ["access_declined", "user"],
      true,
    ],
    [
      "“Return to the application without granting consent”",
      ["access_denied", "", "cancel"],
      ["admin_approval_required", "tenant_admin"],
      false,
    ],
    [
      "the same with a number of tomorrow",
      ["access_denied", "AADSTS1234: Something new.", "cancel"],
      ["access_declined", "user"],
      true,
    ],
    [
      "a personal account that declines",
      [
        "access_denied",
        "The user has denied access to the scope requested by the client application",
      ],
      ["access_declined", "user"],
      true,
    ],
    [
      "a page about admin approval that redirects after all",
      ["access_denied", "AADSTS90094: The grant requires admin permission."],
      ["admin_approval_required", "tenant_admin"],
      true,
    ],
    [
      "consent that is missing without any page",
      ["interaction_required", "AADSTS65001: The user or administrator has not consented."],
      ["admin_approval_required", "tenant_admin"],
      true,
    ],
    ["no session without any page", ["login_required"], ["sign_in_required", "user"], true],
    [
      "several accounts without any page",
      ["account_selection_required"],
      ["sign_in_required", "user"],
      true,
    ],
    [
      "a person who is not assigned",
      ["interaction_required", "AADSTS50105: The signed in user is not assigned to a role."],
      ["tenant_blocked", "tenant_admin"],
      true,
    ],
    [
      "a credential of the app, which is never refused there",
      ["invalid_client", "AADSTS7000222: The provided client secret keys are expired."],
      ["misconfigured", "operator"],
      true,
    ],
    [
      "a refusal of the app that no list names",
      ["invalid_client", "AADSTS1234: Something new."],
      ["misconfigured", "operator"],
      true,
    ],
    ["server trouble", ["server_error"], ["temporarily_unavailable", "nobody", "retry"], true],
    [
      "more server trouble",
      ["temporarily_unavailable"],
      ["temporarily_unavailable", "nobody", "retry"],
      true,
    ],
  ])("%s", ([, parameters, expected, certain]) => {
    expect(redirect(...parameters)).toMatchObject({ ...outcomeOf(expected), certain });
  });

  it("is logged as such where an operator would have to act, since anybody can write it", () => {
    expect(failureCodeOf(redirect("invalid_request"))).toBe("redirect_refused");
    expect(failureCodeOf(redirect("access_denied"))).toBe("access_declined");
    expect(failureCodeOf(classifyRefusal(refusal("invalid_request", undefined, [])))).toBe(
      "misconfigured",
    );
  });

  it("is read for at most eight numbers, however many stand there", () => {
    const numbers = Array.from({ length: 3_000 }, (_, index) => `AADSTS${10_000 + index}`);

    expect(evidenceInDescription(numbers.join(" ")).errorCodes).toHaveLength(8);
  });

  it("is read for what is known and nothing else: no text, two ids, the numbers once", () => {
    const evidence = evidenceInDescription(
      "AADSTS50076: Due to a change made by anna@contoso.example, see AADSTS50076 and AADSTS700082. " +
        "Trace ID: 11111111-2222-3333-4444-555555555555 " +
        "Correlation ID: aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee Timestamp: 2026-11-20 09:00:00Z",
    );

    expect(evidence).toEqual({
      errorCodes: [50076, 700082],
      traceId: "11111111-2222-3333-4444-555555555555",
      correlationId: "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
    });
  });
});

it("never shows text that came from Microsoft", () => {
  const planted = "PLANTED";
  const text = fc.string().map((around) => `${around}${planted}${around}`);
  const numbers = fc.subarray(cases.map(({ number }) => number));
  fc.assert(
    fc.property(text, numbers, fc.constantFrom(...cases), (description, more, { error }) => {
      const described = `${more.map((number) => `AADSTS${number}: `).join("")}${description}`;

      const failure = classifyRedirect({ error, ...evidenceInDescription(described) });

      expect(JSON.stringify(failure)).not.toContain(planted);
      expect(failure.message).toMatch(/^[A-Z].*\.$/);
    }),
  );
});

it("says in its words to the person who must act, without codes", () => {
  const messages = cases.map(
    ({ error, suberror, number }) => classifyRefusal(refusal(error, suberror, [number])).message,
  );

  for (const message of messages) {
    expect(message).not.toMatch(/AADSTS|\d|_/);
    expect(message.length).toBeLessThan(300);
  }
});
