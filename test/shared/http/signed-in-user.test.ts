import { describe, expect, it } from "vitest";
import { signedInPerson } from "../../../shared/http/signed-in-user.ts";
import { claimNames } from "../../fakes/http-event.ts";

const personOf = (claims: Readonly<Record<string, unknown>>, verified?: string) =>
  signedInPerson(
    {
      route: "POST /start",
      headers: {},
      query: new URLSearchParams(),
      cookies: [],
      pathParameters: {},
      body: "",
      claims: { sub: "alice", org: "ws_north", email: "alice@north.example", ...claims },
      millisecondsLeft: 1_000,
    },
    { ...claimNames, ...(verified && { EMAIL_VERIFIED_CLAIM: verified }) },
  );

describe("names of a person and a workspace", () => {
  const called = (name: unknown) =>
    personOf({ [claimNames.NAME_CLAIM]: name, [claimNames.WORKSPACE_NAME_CLAIM]: name });

  it("are left out where they are longer than any name, so that they are stored nowhere", () => {
    const longest = "a".repeat(256);

    expect(called(longest)).toMatchObject({ name: longest, workspaceName: longest });
    expect(called(`${longest}a`)).toMatchObject({ name: undefined, workspaceName: undefined });
  });

  it("are left out where they are no text", () => {
    for (const name of [7, { name: "North" }, null]) {
      expect(called(name)).toMatchObject({ name: undefined, workspaceName: undefined });
    }
  });
});

describe("a person's address", () => {
  it.for([true, "true"])("counts when the claim that it is verified is %j", (email_verified) => {
    expect(personOf({ email_verified }, "email_verified").email).toBe("alice@north.example");
  });

  it.for([false, "false", "", 1, "1", "yes", null, undefined, ["true"]])(
    "does not count when that claim is %j, and the person is one all the same",
    (email_verified) => {
      const person = personOf({ email_verified }, "email_verified");

      expect(person.email).toBeUndefined();
      expect(person.user.userId).toBe("alice");
    },
  );

  it("counts without such a claim where the stage names none", () => {
    expect(personOf({ email_verified: false }).email).toBe("alice@north.example");
  });
});
