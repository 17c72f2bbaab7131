import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { aldermoor, larkfield } from "../../infra/local/microsoft/directory.ts";
import type {
  Fault,
  IdTokenAlteration,
  TokenAlteration,
} from "../../infra/local/microsoft/faults.ts";
import { connectionView, openScene, problemIn, type Scene } from "./scene.ts";

const person = { username: "ben.okafor@larkfield.example" };

let scene: Scene;
beforeAll(async () => {
  scene = await openScene();
});
afterAll(() => scene?.close());
beforeEach(() => scene.newDay());

/** Signs in while Microsoft behaves, then lets `complete` meet what was ordered. */
const completeAfter = async (order: () => void) => {
  const product = await scene.signedIn("user_ines");
  const before = await scene.list(product);
  const secrets = await scene.vault.names();
  const { attemptId, code, returned } = await scene.goToMicrosoft(product, person);
  order();
  const response = await product.complete(returned);
  return {
    response,
    problem: await problemIn(response),
    /** Whatever went wrong: no connection, no secret, and the same end for whoever asks again. */
    nothingCameOfIt: async (expectedSends = 1) => {
      expect(await scene.list(product)).toEqual(before);
      expect(await scene.vault.names()).toEqual(secrets);
      const again = await problemIn(await product.complete(returned));
      const attempt = await scene.attempt(product, attemptId);
      expect(attempt).toMatchObject({ status: "failed", problem: { code: again.code } });
      expect(scene.microsoft.report().redemptions[code]).toBe(expectedSends);
      return again;
    },
  };
};

const inTheFuture = (seconds: number) =>
  Math.floor(scene.stack.clock.now().getTime() / 1000) + seconds;

describe("an ID token is not believed", () => {
  it.for<[string, string, () => IdTokenAlteration]>([
    ["signed by an unknown key", "signature", () => ({ signature: "foreign_key" })],
    ["unsigned", "alg", () => ({ signature: "none" })],
    ["signed with the public key as a password", "alg", () => ({ signature: "hs256" })],
    ["signed by a key that nobody published", "kid", () => ({ header: { kid: "nobodys" } })],
    ["for another app", "aud", () => ({ claims: { aud: "99999999-2222-4333-8444-555555555555" } })],
    ["for this app and another one", "aud", () => ({ claims: { aud: ["one", "other"] } })],
    [
      "from another tenant’s issuer",
      "iss",
      () => ({ claims: { iss: `https://login.microsoftonline.com/${aldermoor.id}/v2.0` } }),
    ],
    [
      "from another host",
      "iss",
      () => ({ claims: { iss: `https://login.evil.example/${larkfield.id}/v2.0` } }),
    ],
    ["of another tenant than its issuer", "iss", () => ({ claims: { tid: aldermoor.id } })],
    ["of no tenant", "tid", () => ({ omitClaims: ["tid"] })],
    ["of a tenant that is no GUID", "tid", () => ({ claims: { tid: "../common" } })],
    ["expired", "exp", () => ({ claims: { exp: inTheFuture(-600) } })],
    ["without an end", "exp", () => ({ omitClaims: ["exp"] })],
    ["not yet valid", "nbf", () => ({ claims: { nbf: inTheFuture(900) } })],
    ["with the nonce of another sign-in", "nonce", () => ({ claims: { nonce: "x".repeat(43) } })],
    ["without a nonce", "nonce", () => ({ omitClaims: ["nonce"] })],
    ["without an account", "oid", () => ({ omitClaims: ["oid"] })],
    ["of version 1.0", "ver", () => ({ claims: { ver: "1.0" } })],
  ])("when it is %s", async ([, check, idToken]) => {
    const logged = check === "nonce" ? "id_token_nonce_mismatch" : "id_token_rejected";
    const earlier = scene.failuresLogged(logged).length;
    const { problem, nothingCameOfIt } = await completeAfter(() =>
      scene.microsoft.alter({ alteration: { idToken: idToken() } }),
    );

    expect(problem).toMatchObject({ status: 502, code: "id_token_rejected", actor: "operator" });
    expect((await nothingCameOfIt()).code).toBe("id_token_rejected");
    await expect
      .poll(() => scene.failuresLogged(logged)[earlier])
      .toMatchObject({ check, level: "WARN" });
  });

  it("when it is missing, or is no token at all", async () => {
    const missing = await completeAfter(() =>
      scene.microsoft.alter({ alteration: { omit: ["id_token"] } }),
    );
    const nonsense = await completeAfter(() =>
      scene.microsoft.alter({ alteration: { set: { id_token: "not.a.token" } } }),
    );

    for (const { problem, nothingCameOfIt } of [missing, nonsense]) {
      expect(problem.code).toBe("id_token_rejected");
      await nothingCameOfIt();
    }
  });
});

describe("an answer to a code", () => {
  it.for<[string, TokenAlteration, number, string]>([
    ["without a refresh token", { omit: ["refresh_token"] }, 502, "microsoft_answer_incomplete"],
    [
      "with an empty refresh token",
      { set: { refresh_token: "" } },
      502,
      "microsoft_answer_incomplete",
    ],
    [
      "with an empty access token",
      { set: { access_token: "" } },
      502,
      "microsoft_answer_incomplete",
    ],
    ["without an access token", { omit: ["access_token"] }, 502, "microsoft_answer_incomplete"],
    [
      "of another type than Bearer",
      { set: { token_type: "pop" } },
      502,
      "microsoft_answer_incomplete",
    ],
    [
      "that does not say how long it is good",
      { omit: ["expires_in"] },
      502,
      "microsoft_answer_incomplete",
    ],
    ["that is over already", { set: { expires_in: 0 } }, 502, "microsoft_answer_incomplete"],
    [
      "that is good for a year",
      { set: { expires_in: 31_536_000 } },
      502,
      "microsoft_answer_incomplete",
    ],
    ["with an expiry in words", { set: { expires_in: "soon" } }, 503, "temporarily_unavailable"],
    [
      "with a token that is no text",
      { set: { access_token: { a: 1 } } },
      503,
      "temporarily_unavailable",
    ],
    [
      "with fewer permissions",
      { scopes: ["openid", "profile", "email", "offline_access", "User.Read", "Mail.ReadWrite"] },
      403,
      "permissions_missing",
    ],
    ["without any permission", { set: { scope: "" } }, 403, "permissions_missing"],
  ])("%s connects nothing", async ([, alteration, status, code]) => {
    const { problem, nothingCameOfIt } = await completeAfter(() =>
      scene.microsoft.alter({ alteration }),
    );

    expect(problem).toMatchObject({ status, code });
    expect((await nothingCameOfIt()).code).toBe(code);
  });

  it("may name its type in any letter case and its permissions with their resource", async () => {
    const product = await scene.signedIn("user_tomas");
    scene.microsoft.alter({
      alteration: {
        set: {
          token_type: "bearer",
          expires_in: "3600",
          scope:
            "https://graph.microsoft.com/user.read https://graph.microsoft.com/Mail.ReadWrite https://graph.microsoft.com/Mail.Send",
        },
      },
    });

    const connection = await scene.connect(product, person);

    expect(connection.status).toBe("connected");
  });
});

describe("when Microsoft is unwell, the code is sent once and nothing is stored", () => {
  it.for<[string, Fault, string]>([
    ["it answers what is no JSON", { kind: "garbled" }, "temporarily_unavailable"],
    ["it answers an empty object", { kind: "empty_object" }, "id_token_rejected"],
    ["it answers megabytes", { kind: "huge", megabytes: 1 }, "temporarily_unavailable"],
    ["it is down", { kind: "unavailable" }, "temporarily_unavailable"],
    ["a proxy before it is down", { kind: "bad_gateway" }, "temporarily_unavailable"],
    [
      "it is down and says for how long",
      { kind: "unavailable", retryAfter: 45 },
      "temporarily_unavailable",
    ],
    ["it throttles", { kind: "throttled" }, "throttled"],
    ["it hangs up before it reads the code", { kind: "dropped" }, "temporarily_unavailable"],
    [
      "it hangs up after it has read the code",
      { kind: "dropped", afterProcessing: true },
      "temporarily_unavailable",
    ],
  ])("although %s", async ([, fault, code]) => {
    const { problem, nothingCameOfIt } = await completeAfter(() =>
      scene.microsoft.fault({ endpoint: "token", fault }),
    );

    expect(problem.code).toBe(code);
    expect((await nothingCameOfIt()).code).toBe(code);
    expect(scene.microsoft.report().calls.token).toBe(1);
  });

  it("and the person learns how long to wait", async () => {
    const { response, problem } = await completeAfter(() =>
      scene.microsoft.fault({ endpoint: "token", fault: { kind: "throttled", retryAfter: 17 } }),
    );

    expect(problem).toMatchObject({ status: 503, code: "throttled", retryAfterSeconds: 17 });
    expect(response.headers.get("retry-after")).toBe("17");
  });

  it("and a redirect is not followed with the code and the app’s secret", async () => {
    const location = `${scene.stack.origins.microsoft}/organizations/oauth2/v2.0/token`;

    const { problem, nothingCameOfIt } = await completeAfter(() =>
      scene.microsoft.fault({
        endpoint: "token",
        fault: { kind: "redirected", location, status: 307 },
      }),
    );

    expect(problem.code).toBe("temporarily_unavailable");
    await nothingCameOfIt();
    expect(scene.microsoft.report().calls.token).toBe(1);
  });

  it.for<[string, Fault, string]>([
    ["is down", { kind: "unavailable" }, "temporarily_unavailable"],
    ["throttles", { kind: "throttled", retryAfter: 5 }, "temporarily_unavailable"],
    ["hangs up", { kind: "dropped" }, "temporarily_unavailable"],
    ["answers megabytes", { kind: "huge", megabytes: 1 }, "temporarily_unavailable"],
    [
      "denies access",
      { kind: "graph_refused", status: 403, code: "ErrorAccessDenied" },
      "mailbox_not_available",
    ],
    [
      "knows no mailbox",
      { kind: "graph_refused", status: 404, code: "MailboxNotEnabledForRESTAPI" },
      "mailbox_not_available",
    ],
  ])("nor when it is Graph that %s", async ([, fault, code]) => {
    const { problem, nothingCameOfIt } = await completeAfter(() =>
      scene.microsoft.fault({ endpoint: "graph", fault }),
    );

    expect(problem.code).toBe(code);
    await nothingCameOfIt();
  });

  it("nor when its signing keys cannot be read", async () => {
    const { problem, nothingCameOfIt } = await completeAfter(() =>
      scene.microsoft.fault({ endpoint: "keys", fault: { kind: "unavailable" }, times: "always" }),
    );

    expect(problem).toMatchObject({ status: 503, code: "temporarily_unavailable" });
    expect((await nothingCameOfIt()).code).toBe("temporarily_unavailable");
  });
});

describe("the app’s own credential", () => {
  let own: readonly string[];
  beforeAll(async () => {
    own = await scene.clientCredential.read();
  });
  afterEach(() => scene.clientCredential.write(own));

  it("that has expired is the operator’s business, and the log says so for an alarm", async () => {
    const [secret = ""] = own;

    const { problem, nothingCameOfIt } = await completeAfter(() =>
      scene.microsoft.setClientSecrets({ secrets: [{ secret, expired: true }] }),
    );

    expect(problem).toMatchObject({ status: 503, code: "misconfigured", actor: "operator" });
    await nothingCameOfIt();
    await expect
      .poll(() => scene.failuresLogged("app_credential_rejected").at(-1))
      .toMatchObject({
        level: "WARN",
        actor: "operator",
        microsoft: { error: "invalid_client", errorCodes: [7000222] },
      });
  });

  it.for([
    ["the new one is not yet known at Microsoft", "old-secret"],
    ["the old one has expired", "new-secret"],
  ])("may be two secrets, of which one works: %s", async ([, valid = ""]) => {
    const product = await scene.signedIn("user_leo");
    await scene.clientCredential.write(["new-secret", "old-secret"]);
    scene.microsoft.setClientSecrets({
      secrets: ["new-secret", "old-secret"].map((secret) => ({
        secret,
        expired: secret !== valid,
      })),
    });

    const connection = await scene.connect(product, person);

    expect(connection.status).toBe("connected");
  });

  it("is read anew when Microsoft refuses the one that is remembered", async () => {
    const product = await scene.signedIn("user_leo");
    await scene.connect(product, person);
    await scene.clientCredential.write(["rotated-secret"]);
    scene.microsoft.setClientSecrets({ secrets: [{ secret: "rotated-secret", expired: false }] });

    const completed = await scene.tryToConnect(product, person);

    expect(completed.status).toBe(200);
    connectionView.parse(await completed.json());
  });
});

describe("Microsoft’s signing keys", () => {
  it("may change at any time, with or without the old ones staying", async () => {
    const product = await scene.signedIn("user_priya");
    await scene.connect(product, person);

    for (const keepOld of [true, false]) {
      scene.microsoft.rotateSigningKeys({ keepOld });
      // An unknown key makes us ask again, but at most every half minute.
      scene.stack.clock.advance(31);
      const connection = await scene.connect(product, person);
      expect(connection.status).toBe("connected");
    }
  });
});
