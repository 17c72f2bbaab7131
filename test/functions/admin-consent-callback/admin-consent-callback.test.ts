import { createHash } from "node:crypto";
import { beforeEach, describe, expect, it } from "vitest";
import { personalAccountsTenant, type TenantId, tenantId } from "../../../shared/domain/ids.ts";
import type {
  GrantIncomplete,
  IdTokenRejected,
  MicrosoftFailure,
  ProvenIdentity,
} from "../../../shared/domain/microsoft.ts";
import { fail, succeed } from "../../../shared/domain/result.ts";
import {
  type Organisation,
  personAlone,
  recordEvent,
} from "../../../shared/domain/tenant-consent.ts";
import type { HttpResponse } from "../../../shared/http/response.ts";
import {
  approvalDeclinedPage,
  approvalNeedsAdministratorPage,
  approvalProofMissingPage,
  approvalProofOverPage,
  approvalProofRefusedPage,
  approvalSignInRefusedPage,
  approvalUnavailablePage,
  approvalUnfinishedPage,
} from "../../../shared/pages/approval-outcome.ts";
import {
  administrator as ada,
  administratorRole as administrator,
  approvalLink,
  approved,
  type Carried,
  carried,
} from "../../fakes/approval-steps.ts";
import { captureLog } from "../../fakes/captured-log.ts";
import { claimNames, formRequest, type SampleRequest, send } from "../../fakes/http-event.ts";
import {
  account,
  alice,
  alicesConnection,
  grant,
  mallory,
  microsoftFailure,
} from "../../fakes/samples.ts";
import {
  broughtBack,
  problemIn,
  type ServiceInMemory,
  type ServiceScript,
  serviceInMemory,
} from "../../fakes/service-in-memory.ts";

const log = captureLog();

const member = "b79fbf4d-3ef9-4689-8143-76b194e85509";
const other = tenantId("99999999-9999-4999-8999-999999999999");
const tenant: Organisation = { kind: "tenant", tenantId: account.tenantId };

const proven: ProvenIdentity = { ...ada, roles: [member, administrator] };

const identity = (changes: Partial<ProvenIdentity> = {}): ServiceScript => ({
  proveIdentity: async () => succeed({ ...proven, ...changes }),
});

/** Somebody who was turned away and asked for a link. */
const asked = async (script: ServiceScript = identity()) => {
  const service = serviceInMemory(script);
  const token = await approvalLink(service);
  return { service, token, status: async () => (await service.consents.find(tenant)).status };
};

describe("an administrator who approved", () => {
  it("is recorded, and sent to sign in once more, silently, for all that was approved and no refresh token", async () => {
    const { service, token, status } = await asked();

    const answer = await service.approvalAnswered(approved(token));

    expect(answer.statusCode).toBe(303);
    const { url } = carried(answer);
    expect(url.pathname).toBe(`/${account.tenantId}/oauth2/v2.0/authorize`);
    expect(Object.fromEntries(url.searchParams)).toMatchObject({
      redirect_uri: "https://api.example/admin-consent-callback",
      response_mode: "form_post",
      response_type: "code",
      scope: "openid profile email User.Read Mail.ReadWrite Mail.Send",
      code_challenge_method: "S256",
      prompt: "none",
    });
    expect(answer.cookies).toEqual([
      expect.stringMatching(
        /^__Host-outlook-connect-approval=[\w-]{43}; Path=\/; Max-Age=600; Secure; HttpOnly; SameSite=None$/,
      ),
    ]);
    expect(await status()).toBe("reported");
  });

  it("is proved by that sign-in: everybody can connect, and the page says so", async () => {
    const { service, token, status } = await asked();
    const { state, cookies } = carried(await service.approvalAnswered(approved(token)));
    service.clock.pass(30);

    const answer = await service.approvalProved({ state, code: "the-code" }, cookies);

    expect(answer.statusCode).toBe(200);
    expect(answer.body).toContain("Everybody at <strong>north.example</strong> can now connect");
    expect(await service.consents.find(tenant)).toMatchObject({
      status: "verified",
      proof: { kind: "administrator", roles: [administrator] },
    });
    expect(await status()).toBe("verified");
    expect(service.steps.at(-1)).toEqual({
      step: "verified",
      organisation: `tenant/${account.tenantId}`,
      sinceRequestedSeconds: 30,
    });
    expect(service.identity.proved[0]).toMatchObject({ authority: account.tenantId });
  });

  it("anew says how long somebody has waited only if somebody has asked since the last proof", async () => {
    const { service, token } = await asked();
    const record = (by: "administrator" | "user") =>
      recordEvent(
        tenant,
        {
          kind: "verified",
          proof: by === "user" ? { kind: "user_grant" } : { kind: by, roles: [administrator] },
        },
        service.ports,
      );
    service.clock.pass(30);
    const { state, cookies } = carried(await service.approvalAnswered(approved(token)));
    await service.approvalProved({ state, code: "the-code" }, cookies);
    service.clock.pass(24 * 3600);
    await record("administrator");
    service.clock.pass(24 * 3600);
    await service.consents.record(tenant, { kind: "requested" }, service.clock.now());
    service.clock.pass(45);
    await record("user");

    const verifications = service.steps.filter(({ step }) => step === "verified");
    expect(verifications.map(({ sinceRequestedSeconds }) => sinceRequestedSeconds)).toEqual([
      30,
      undefined,
      45,
    ]);
  });

  it.for(["true", "TRUE", "True"])("may come with admin_consent=%s", async (admin_consent) => {
    const { service, token, status } = await asked();

    await service.approvalAnswered(approved(token, { admin_consent }));

    expect(await status()).toBe("reported");
  });

  it.for<readonly [string, Readonly<Record<string, TenantId | "unavailable">>]>([
    ["names no tenant for it", {}],
    ["cannot be asked for its tenant", { "north.example": "unavailable" }],
    ["names another tenant for it by then", { "north.example": other }],
  ])(
    "through the link of a person alone proves the tenant, and for that person, and nothing of the mail domain: Microsoft %s",
    async ([, later]) => {
      const tenantsByDomain: Record<string, TenantId | "unavailable"> = {};
      const { service, token } = await asked({ ...identity(), tenantsByDomain });
      const { attemptId } = await service.begin(mallory);
      await service.askAdministrator(mallory, { attemptId });
      const { state, cookies } = carried(await service.approvalAnswered(approved(token)));
      Object.assign(tenantsByDomain, later);

      const page = await service.approvalProved({ state, code: "the-code" }, cookies);

      expect(page.body).toContain("Everybody in your organisation can now connect");
      const statusOf = async (organisation: Organisation) =>
        (await service.consents.find(organisation)).status;
      expect(await statusOf(tenant)).toBe("verified");
      expect(await statusOf({ kind: "tenant", tenantId: other })).toBe("unknown");
      expect(await statusOf(personAlone(mallory))).toBe("requested");
      service.clock.pass(61);
      await service.resume();
      expect(service.notices.map(({ requester }) => requester.user)).toEqual([alice]);
    },
  );

  it("of another tenant than that of the person's mail domain is not told that it is that domain's", async () => {
    const service = serviceInMemory(identity());
    await service.connect(alice);
    await service.consents.record(tenant, { kind: "lost" }, service.clock.now());
    const claims = {
      [claimNames.USER_CLAIM]: "alice",
      [claimNames.WORKSPACE_CLAIM]: "ws_north",
      [claimNames.EMAIL_CLAIM]: "alice@freemail.example",
    };
    const what = { connectionId: alicesConnection };
    const { body } = await service.askAdministrator(alice, what, { claims });
    const token = new URL(JSON.parse(body).approvalUrl).pathname.split("/").at(-1) ?? "";
    const { consent } = await service.consents.record(
      tenant,
      { kind: "reported" },
      service.clock.now(),
    );
    expect(consent.status).toBe("reported");
    const { state, cookies } = carried(await service.approvalAnswered(approved(token)));

    const page = await service.approvalProved({ state, code: "the-code" }, cookies);

    expect(page.body).toContain("Everybody in your organisation can now connect");
    expect(page.body).not.toContain("freemail");
  });

  it("opens the link again and is told that it is done, as is whoever answers again", async () => {
    const { service, token } = await asked();
    const { state, cookies } = carried(await service.approvalAnswered(approved(token)));
    await service.approvalProved({ state, code: "the-code" }, cookies);

    for (const answer of [
      await service.openLink(token),
      await service.approvalAnswered(approved(token)),
    ]) {
      expect(answer).toMatchObject({ statusCode: 200 });
      expect(answer.body).toContain("Already approved");
    }
  });

  it("who approves anew after the approval was lost needs a new link: the old one is spent", async () => {
    const { service, token, status } = await asked();
    const { state, cookies } = carried(await service.approvalAnswered(approved(token)));
    await service.approvalProved({ state, code: "the-code" }, cookies);
    service.clock.pass(120);
    await service.resume();
    await service.consents.record(tenant, { kind: "lost" }, service.clock.now());

    const answer = await service.approvalAnswered(approved(token));

    expect(answer.statusCode).toBe(410);
    expect(await status()).toBe("lost");
  });
});

interface Page {
  readonly statusCode: number;
  readonly body: string;
}
type ProofFailure = MicrosoftFailure | IdTokenRejected | GrantIncomplete;

const unfinished = { statusCode: 200, body: approvalUnfinishedPage.html };
const notLetIn = { statusCode: 200, body: approvalProofRefusedPage.html };
const missing = { statusCode: 200, body: approvalProofMissingPage.html };
const unavailable = { statusCode: 503, body: approvalUnavailablePage.html };
const lockedAccount = microsoftFailure("temporarily_unavailable", { accountAlone: true });

describe("nothing moves beyond reported without proof:", () => {
  let service: ServiceInMemory;
  let token: string;
  let status: () => Promise<string>;
  let state: string;
  let cookies: readonly string[];

  const reported = async (script: ServiceScript) => {
    ({ service, token, status } = await asked(script));
    ({ state, cookies } = carried(await service.approvalAnswered(approved(token))));
  };

  it.for<readonly [string, Partial<ProvenIdentity>, status: number, title: string]>([
    ["an ordinary member", { roles: [member] }, 200, "Approved, but not confirmed yet"],
    ["somebody whose roles are not told", { roles: [] }, 200, "Approved, but not confirmed yet"],
    [
      "an administrator of another tenant",
      { account: { ...proven.account, tenantId: other } },
      403,
      "That was another organisation",
    ],
    // Microsoft lets a guest with a role approve: nothing is to be taken back.
    ["a guest", { accountType: "guest" }, 200, "Approved, but not confirmed yet"],
  ])("%s signs in", async ([, changes, statusCode, title]) => {
    await reported(identity(changes));

    const answer = await service.approvalProved({ state, code: "the-code" }, cookies);

    expect(answer.statusCode).toBe(statusCode);
    expect(answer.body).toContain(title);
    expect(await status()).toBe("reported");
  });

  it.for<readonly [string, ProofFailure, Page]>([
    ["refuses the code", microsoftFailure("sign_in_required"), unfinished],
    ["has disabled the account", microsoftFailure("account_disabled"), notLetIn],
    ["has a policy against it", microsoftFailure("tenant_blocked"), notLetIn],
    ["has locked the account for a while", lockedAccount, notLetIn],
    ["is unwell", microsoftFailure("temporarily_unavailable"), unavailable],
    ["asks to slow down", microsoftFailure("throttled"), unavailable],
    ["finds our request wrong", microsoftFailure("misconfigured"), unavailable],
    ["refuses our credential", microsoftFailure("app_credential_rejected"), unavailable],
    ["refuses the app", microsoftFailure("app_refused"), unavailable],
    ["sends a forged ID token", { kind: "id_token_rejected", check: "signature" }, unavailable],
    ["leaves something out", { kind: "grant_incomplete", missing: "expiry" }, unavailable],
  ])("Microsoft %s", async ([, failure, page]) => {
    await reported({ proveIdentity: async () => fail(failure) });

    const answer = await service.approvalProved({ state, code: "the-code" }, cookies);

    expect(answer).toMatchObject(page);
    expect(await status()).toBe("reported");
  });

  it("Microsoft has not applied the approval yet, however long ago one was reported first: there is a way on", async () => {
    await reported({
      proveIdentity: async () => fail(microsoftFailure("admin_approval_required")),
    });
    service.clock.pass(3600);
    const again = carried(await service.approvalAnswered(approved(token)));

    const answer = await service.approvalProved(
      { state: again.state, code: "the-code" },
      again.cookies,
    );

    expect(answer.body).toContain("Approved, and being applied");
    expect(answer.body).toContain("Confirm the approval");
    expect(await status()).toBe("reported");
  });

  it.for([
    { check: "signature", failure: "id_token_rejected" },
    { check: "nonce", failure: "id_token_nonce_mismatch" },
  ])("an ID token fails the check of its $check, which is logged as $failure", async (each) => {
    const { check, failure } = each;
    await reported({ proveIdentity: async () => fail({ kind: "id_token_rejected", check }) });

    await service.approvalProved({ state, code: "the-code" }, cookies);

    expect(log.lines().at(-1)).toContain(`"failure":"${failure}"`);
  });

  describe("the proof", () => {
    beforeEach(() => reported(identity()));

    it.for<readonly [string, () => readonly string[]]>([
      ["without a cookie", () => []],
      ["with another browser's", () => [`__Host-outlook-connect-approval=${"x".repeat(43)}`]],
      ["with two of them", () => [...cookies, `__Host-outlook-connect-approval=${"x".repeat(43)}`]],
      ["with one of another name", () => cookies.map((each) => each.replace("__Host-", ""))],
    ])("comes %s, and the right browser can still bring it", async ([, brought]) => {
      const answer = await service.approvalProved({ state, code: "the-code" }, brought());

      expect(answer.statusCode).toBe(400);
      expect(await status()).toBe("reported");
      expect(service.identity.proved).toEqual([]);
      await service.approvalProved({ state, code: "the-code" }, cookies);
      expect(await status()).toBe("verified");
    });

    it("comes twice: the code is sent once", async () => {
      await Promise.all([
        service.approvalProved({ state, code: "the-code" }, cookies),
        service.approvalProved({ state, code: "the-code" }, cookies),
      ]);

      expect(service.identity.proved).toHaveLength(1);
    });

    it("comes again with a page that is reloaded, which tells that this step is over", async () => {
      await service.approvalProved({ state, code: "the-code" }, cookies);

      const answer = await service.approvalProved({ state, code: "the-code" }, cookies);

      expect(answer).toMatchObject({ statusCode: 400, body: approvalProofOverPage.html });
      expect(await status()).toBe("verified");
    });

    it("comes ten minutes later", async () => {
      service.clock.pass(600);

      const answer = await service.approvalProved({ state, code: "the-code" }, cookies);

      expect(answer.statusCode).toBe(400);
      expect(await status()).toBe("reported");
    });

    it.for(["server_error", "temporarily_unavailable", "invalid_request", "of_tomorrow"])(
      "comes with the refusal %s, which Microsoft's pages would not change",
      async (error) => {
        const answer = await service.approvalProved({ state, error }, cookies);

        expect(answer).toMatchObject(unavailable);
        expect(answer.headers).not.toHaveProperty("location");
        expect(await status()).toBe("reported");
      },
    );

    it("comes under the state of the link, or of nothing", async () => {
      for (const wrong of [token, "s".repeat(43)]) {
        await service.approvalProved({ state: wrong, code: "the-code" }, cookies);
      }

      expect(await status()).toBe("reported");
      expect(service.identity.proved).toEqual([]);
    });
  });
});

describe.for(["iframe", "frame", "fencedframe", "object", "image", "script", "empty"])(
  "what a page brings out of sight, as %s,",
  (dest) => {
    const broughtTo = (service: ServiceInMemory, request: SampleRequest, as = dest) =>
      send(service.handlers.adminConsentCallback, {
        ...request,
        headers: { ...request.headers, "sec-fetch-dest": as },
      });

    it("reports no approval, and leaves the cookie of a proof as it is", async () => {
      const { service, token, status } = await asked();
      const query = new URLSearchParams(approved(token)).toString();
      const request = { route: "GET /admin-consent-callback", query };

      const answer = await broughtTo(service, request);

      expect(answer.statusCode).toBe(400);
      expect(answer.cookies ?? []).toEqual([]);
      expect(await status()).toBe("requested");
      expect(log.lines().at(-1)).toContain('"failure":"not_top_level"');
      expect((await broughtTo(service, request, "document")).statusCode).toBe(303);
      expect(await status()).toBe("reported");
    });

    it("proves none, and takes nothing from who does", async () => {
      const { service, token, status } = await asked();
      const { state, cookies } = carried(await service.approvalAnswered(approved(token)));
      const form = formRequest({ state, code: "the-code" });
      const request = { route: "POST /admin-consent-callback", cookies, ...form };

      const answer = await broughtTo(service, request);

      expect(answer.statusCode).toBe(400);
      expect(answer.cookies ?? []).toEqual([]);
      expect(service.identity.proved).toEqual([]);
      expect(await status()).toBe("reported");
      await broughtTo(service, request, "document");
      expect(await status()).toBe("verified");
    });
  },
);

/** As Microsoft words it when somebody is not assigned, in a redirect. */
const unassigned = {
  error: "interaction_required",
  error_description:
    "AADSTS50105: Your administrator has configured the application to block users. Trace ID: 5a1b7c52-4d7e-4b0e-9d35-0a8f1c2e3d40",
};

describe("a proof for which Microsoft has to show its pages", () => {
  let service: ServiceInMemory;
  let token: string;
  let status: () => Promise<string>;
  let first: Carried;
  beforeEach(async () => {
    ({ service, token, status } = await asked());
    first = carried(await service.approvalAnswered(approved(token)));
  });

  const come = (
    { state, cookies }: Carried,
    outcome: Readonly<Record<string, string>> = { code: "the-code" },
  ) => service.approvalProved({ state, ...outcome }, cookies);

  const refused = (changes: Readonly<Record<string, string>> = {}) =>
    come(first, { error: "login_required", ...changes });

  it.for([
    { error: "login_required", error_description: "AADSTS50058: No user is signed in." },
    { error: "interaction_required" },
    { error: "interaction_required", error_description: "AADSTS50076: A second factor is due." },
    { error: "interaction_required", error_description: "AADSTS16000: Several are signed in." },
    { error: "interaction_required", error_description: "AADSTS53003: Access has been blocked." },
    { error: "account_selection_required" },
    { error: "access_denied", error_description: "AADSTS50020: Not in this tenant." },
  ])("goes on with them after %o, and asks silently for all once more", async (answered) => {
    const answer = await refused(answered);

    expect(answer.statusCode).toBe(303);
    const second = carried(answer);
    expect(second.url.pathname).toBe(`/${account.tenantId}/oauth2/v2.0/authorize`);
    expect(Object.fromEntries(second.url.searchParams)).toMatchObject({
      redirect_uri: "https://api.example/admin-consent-callback",
      response_mode: "form_post",
      scope: "openid profile",
      code_challenge_method: "S256",
    });
    expect(second.url.searchParams.has("prompt")).toBe(false);
    expect(await status()).toBe("reported");

    const third = carried(await come(second));
    expect(Object.fromEntries(third.url.searchParams)).toMatchObject({
      scope: "openid profile email User.Read Mail.ReadWrite Mail.Send",
      prompt: "none",
      login_hint: "ada@north.example",
    });
    expect(third.cookies).toEqual(first.cookies);
    expect(await status()).toBe("reported");
    const page = await come(third);

    expect(page.body).toContain("Approved. Thank you");
    expect(await service.consents.find(tenant)).toMatchObject({
      status: "verified",
      proof: { kind: "administrator", roles: [administrator] },
    });
  });

  it("does not believe who has seen Microsoft's pages, and whose approval Microsoft does not have", async () => {
    const third = carried(await come(carried(await refused())));

    const page = await come(third, {
      error: "interaction_required",
      error_description: "AADSTS65001: Nobody has consented.",
    });

    expect(page.body).toContain("Microsoft has no approval of yours");
    expect(await status()).toBe("reported");
  });

  it.for([
    { error: "interaction_required", error_description: "AADSTS50076: A second factor is due." },
    { error: "login_required" },
  ])(
    "believes who has seen them, and would have to see more for the mail alone: %o",
    async (more) => {
      const third = carried(await come(carried(await refused())));

      const page = await come(third, more);

      expect(page.body).toContain("Approved. Thank you");
      expect(await service.consents.find(tenant)).toMatchObject({
        status: "verified",
        proof: { kind: "administrator", roles: [administrator] },
      });
    },
  );

  it("does not go on where the pages have shown no administrator, nor believes another account at last", async () => {
    let roles = [member];
    ({ service, token, status } = await asked({
      proveIdentity: async () => succeed({ ...proven, roles }),
    }));
    first = carried(await service.approvalAnswered(approved(token)));
    const unconfirmed = await come(carried(await refused()));
    first = carried(await service.approvalAnswered(approved(token)));
    roles = [administrator];
    const third = carried(await come(carried(await refused())));
    roles = [member];

    for (const page of [unconfirmed, await come(third)]) {
      expect(page.headers).not.toHaveProperty("location");
      expect(page.body).toContain("Approved, but not confirmed yet");
    }
    expect(await status()).toBe("reported");
  });

  it("is not finished where Microsoft is unwell at last, and can be begun anew", async () => {
    const third = carried(await come(carried(await refused())));

    const page = await come(third, { error: "server_error" });

    expect(page.statusCode).toBe(503);
    expect(await status()).toBe("reported");
    const anew = carried(await service.approvalAnswered(approved(token)));
    await come(anew);
    expect(await status()).toBe("verified");
  });

  it.for([
    { error: "interaction_required", error_description: "AADSTS65001: Nobody has consented." },
    { error: "consent_required" },
    { error: "unauthorized_client", error_description: "AADSTS700016: It is not known here." },
  ])(
    "is put off after %o: Microsoft does not know of the approval, yet or at all",
    async (answered) => {
      const answer = await refused(answered);

      expect(answer.statusCode).toBe(200);
      expect(answer.body).toContain("Approved, and being applied");
      expect(answer.headers).not.toHaveProperty("location");
      expect(await status()).toBe("reported");
      expect(service.identity.proved).toEqual([]);

      const again = /href="([^"]+admin-consent-callback[^"]+)"/.exec(answer.body ?? "")?.[1] ?? "";
      const query = new URL(again.replaceAll("&amp;", "&"), "https://api.example").searchParams;
      const next = carried(await service.approvalAnswered(Object.fromEntries(query)));
      await service.approvalProved({ state: next.state, code: "the-code" }, next.cookies);
      expect(await status()).toBe("verified");
    },
  );

  it("has a state, a nonce and a verifier of its own, and the same browser for ten more minutes", async () => {
    service.clock.pass(599);

    const answer = await refused();

    const second = carried(answer);
    for (const once of ["state", "nonce", "code_challenge"]) {
      const [before, after] = [first, second].map(({ url }) => url.searchParams.get(once));
      expect(after).toMatch(/^[\w-]{43}$/);
      expect(after).not.toBe(before);
    }
    expect(second.cookies).toEqual(first.cookies);
    expect(answer.cookies?.[0]).toContain("; Max-Age=600;");
    service.clock.pass(599);
    await service.approvalProved({ state: second.state, code: "the-code" }, second.cookies);
    const [redeemed, ...more] = service.identity.proved;
    expect(more).toEqual([]);
    expect(redeemed?.nonce.reveal()).toBe(second.url.searchParams.get("nonce"));
    expect(
      createHash("sha256")
        .update(redeemed?.codeVerifier.reveal() ?? "")
        .digest("base64url"),
    ).toBe(second.url.searchParams.get("code_challenge"));
  });

  it.for<readonly [Readonly<Record<string, string>>, Page]>([
    [{ error: "login_required" }, unfinished],
    [{ error: "interaction_required" }, unfinished],
    [{ error: "access_denied" }, unfinished],
    [{ error: "access_denied", error_description: "AADSTS65004: Declined." }, unfinished],
    [{ error: "access_denied", error_subcode: "cancel" }, unfinished],
    [{ error: "access_denied", error_description: "AADSTS53003: Blocked." }, notLetIn],
    [{ error: "invalid_grant", error_description: "AADSTS50057: Disabled." }, notLetIn],
    [{ error: "access_denied", error_description: "AADSTS50020: Not in it." }, notLetIn],
    [{ error: "invalid_grant", error_description: "AADSTS50053: Locked." }, notLetIn],
    [{ error: "unauthorized_client", error_description: "AADSTS7000112: Off." }, missing],
    [{ error: "invalid_client", error_description: "AADSTS650052: No Exchange." }, missing],
    [{ error: "temporarily_unavailable", error_description: "AADSTS90055: Slow." }, unavailable],
    [{ error: "invalid_client", error_description: "AADSTS7000222: Expired." }, unavailable],
    [{ error: "server_error" }, unavailable],
  ])("goes on with them once: no third follows their end with %o", async ([ended, page]) => {
    const second = carried(await refused());

    const answer = await come(second, ended);

    expect(answer).toMatchObject(page);
    expect(answer.headers).not.toHaveProperty("location");
    expect(await status()).toBe("reported");
  });

  it("can be begun anew after the person left them, by the same link", async () => {
    await come(carried(await refused()), { error: "access_denied", error_subcode: "cancel" });

    expect((await service.openLink(token)).body).toContain("Review and approve at Microsoft");
    await come(carried(await service.approvalAnswered(approved(token))));
    expect(await status()).toBe("verified");
  });

  it("begins one other, however often the refusal is brought", async () => {
    const answers = await Promise.all([refused(), refused()]);
    answers.push(await refused());

    expect(answers.map(({ statusCode }) => statusCode).sort()).toEqual([303, 400, 400]);
  });

  it("is over once it was refused: a code under its state is never sent", async () => {
    expect((await refused()).statusCode).toBe(303);

    const answer = await service.approvalProved(
      { state: first.state, code: "the-code" },
      first.cookies,
    );

    expect(answer.statusCode).toBe(400);
    expect(service.identity.proved).toEqual([]);
  });

  it.for<readonly [string, () => readonly string[]]>([
    ["without a cookie", () => []],
    ["with another browser's", () => [`__Host-outlook-connect-approval=${"x".repeat(43)}`]],
  ])("begins no other for a refusal that comes %s", async ([, brought]) => {
    const answer = await service.approvalProved(
      { state: first.state, error: "login_required" },
      brought(),
    );

    expect(answer.statusCode).toBe(400);
    expect((await refused()).statusCode).toBe(303);
  });

  it.for<readonly [string, () => readonly string[]]>([
    ["without a cookie", () => []],
    ["from another browser", () => [`__Host-outlook-connect-approval=${"x".repeat(43)}`]],
  ])("does not take the second one's answer %s", async ([, brought]) => {
    const second = carried(await refused());

    const answer = await service.approvalProved(
      { state: second.state, code: "the-code" },
      brought(),
    );

    expect(answer.statusCode).toBe(400);
    expect(service.identity.proved).toEqual([]);
    expect(await status()).toBe("reported");
  });

  it("begins no other under a state of which nothing is known, or which is too old", async () => {
    for (const state of [token, "s".repeat(43)]) {
      expect((await refused({ state })).statusCode).toBe(400);
    }
    service.clock.pass(600);

    expect((await refused()).statusCode).toBe(400);
  });
});

describe("an administrator who is not assigned to the app", () => {
  const again = ({ body }: HttpResponse) => {
    const [, href = ""] = /class="button" href="([^"]*)">Try again</.exec(body) ?? [];
    const [path, query = ""] = href.replaceAll("&amp;", "&").split("?");
    return { path, query };
  };

  it("is told so, and what to do; tries again when assigned, and the approval is proved", async () => {
    const { service, token, status } = await asked();
    const first = carried(await service.approvalAnswered(approved(token)));

    const page = await service.approvalProved({ state: first.state, ...unassigned }, first.cookies);

    expect(page.statusCode).toBe(200);
    for (const said of ["What you approved at Microsoft stands", "not assigned", "Assignment"]) {
      expect(page.body).toContain(said);
    }
    expect(page.body).not.toContain("Your administrator has configured");
    expect(log.lines().join("")).not.toContain("Your administrator has configured");
    expect(await status()).toBe("reported");
    expect(JSON.parse(log.lines().at(-1) ?? "{}")).toMatchObject({
      level: "WARN",
      failure: "approval_not_assigned",
      actor: "tenant_admin",
      microsoft: { error: "interaction_required", errorCodes: [50105] },
    });

    const { path, query } = again(page);
    expect(path).toBe("/admin-consent-callback");
    const second = carried(await service.approvalAnswered(query));
    expect(second.url.searchParams.get("prompt")).toBe("none");
    await service.approvalProved({ state: second.state, code: "the-code" }, second.cookies);
    expect(await status()).toBe("verified");
  });

  it("may try again as often as they like, and sees the same until then", async () => {
    const { service, token, status } = await asked();
    let query = new URLSearchParams(approved(token)).toString();
    const pages = new Set<string>();

    for (let times = 0; times < 3; times += 1) {
      const { state, cookies } = carried(await service.approvalAnswered(query));
      const page = await service.approvalProved({ state, ...unassigned }, cookies);
      pages.add(page.body);
      ({ query } = again(page));
    }

    expect(pages.size).toBe(1);
    expect(await status()).toBe("reported");
  });

  it("is told the same where Microsoft says it of the second sign-in, or of the code", async () => {
    const failure = microsoftFailure("tenant_blocked", { notAssigned: true });
    const { service, token, status } = await asked({ proveIdentity: async () => fail(failure) });
    const first = carried(await service.approvalAnswered(approved(token)));
    const second = carried(
      await service.approvalProved({ state: first.state, error: "login_required" }, first.cookies),
    );
    const third = carried(await service.approvalAnswered(approved(token)));

    for (const page of [
      await service.approvalProved({ state: second.state, ...unassigned }, second.cookies),
      await service.approvalProved({ state: third.state, code: "the-code" }, third.cookies),
    ]) {
      expect(again(page).path).toBe("/admin-consent-callback");
    }
    expect(await status()).toBe("reported");
  });

  it("tells nothing to a browser that did not begin it", async () => {
    const { service, token } = await asked();
    const { state } = carried(await service.approvalAnswered(approved(token)));

    const page = await service.approvalProved({ state, ...unassigned });

    expect(page.statusCode).toBe(400);
    expect(page.body).not.toContain(token);
  });
});

describe("nothing is recorded of", () => {
  it.for<readonly [string, (state: string) => Readonly<Record<string, string>> | string, number]>([
    ["an approval beside an error", (state) => approved(state, { error: "access_denied" }), 200],
    ["an approval beside an odd error", (state) => approved(state, { error: "Not So!" }), 400],
    ["admin_consent=False", (state) => approved(state, { admin_consent: "False" }), 400],
    ["admin_consent=1", (state) => approved(state, { admin_consent: "1" }), 400],
    ["an approval without admin_consent", (state) => ({ state, tenant: account.tenantId }), 400],
    ["an approval without a tenant", (state) => ({ state, admin_consent: "True" }), 400],
    ["a tenant that is no GUID", (state) => approved(state, { tenant: "north.example" }), 400],
    ["another tenant", (state) => approved(state, { tenant: other }), 403],
    ["personal accounts", (state) => approved(state, { tenant: personalAccountsTenant }), 400],
    ["an unknown state", () => approved("x".repeat(43)), 400],
    ["no state", () => ({ admin_consent: "True", tenant: account.tenantId }), 400],
    ["a state with something added", (state) => approved(`${state}x`), 400],
    [
      "two tenants",
      (state) => `${new URLSearchParams(approved(state))}&tenant=${account.tenantId}`,
      400,
    ],
    ["a person who declined", (state) => declined(state), 200],
    ["a person who is no administrator", (state) => cancelled(state), 403],
    ["a person whom Microsoft did not let in", (state) => refusedAt(state), 403],
  ])("%s", async ([, query, statusCode]) => {
    const { service, token, status } = await asked();

    const answer = await service.approvalAnswered(query(token));

    expect(answer.statusCode).toBe(statusCode);
    expect(answer.headers).not.toHaveProperty("location");
    expect(await status()).toBe("requested");
    const foreign = { kind: "tenant", tenantId: other } as const;
    expect((await service.consents.find(foreign)).status).toBe("unknown");
  });

  const declined = (state: string) => ({
    state,
    admin_consent: "True",
    error: "access_denied",
    error_description: "AADSTS65004: User declined to consent.",
  });
  const cancelled = (state: string) => ({
    state,
    admin_consent: "True",
    error: "access_denied",
    error_subcode: "cancel",
  });
  const refusedAt = (
    state: string,
    error = "access_denied",
    error_description = "AADSTS53003: Access has been blocked.",
  ) => ({ state, admin_consent: "True", error, error_description });

  it.for<readonly [error: string, description: string, status: number, { readonly html: string }]>([
    ["access_denied", "AADSTS65004: Declined.", 200, approvalDeclinedPage],
    ["consent_required", "AADSTS90094: Approval is needed.", 403, approvalNeedsAdministratorPage],
    ["access_denied", "AADSTS53003: Blocked.", 403, approvalSignInRefusedPage],
    ["invalid_grant", "AADSTS50057: Disabled.", 403, approvalSignInRefusedPage],
    ["invalid_grant", "AADSTS50053: Locked.", 403, approvalSignInRefusedPage],
    ["interaction_required", "AADSTS50076: Second factor.", 403, approvalSignInRefusedPage],
    ["interaction_required", "AADSTS53000: Managed device.", 403, approvalSignInRefusedPage],
    ["login_required", "Nobody is signed in.", 403, approvalSignInRefusedPage],
    ["access_denied", "AADSTS50020: Not in this tenant.", 403, approvalSignInRefusedPage],
    ["server_error", "Something broke.", 503, approvalUnavailablePage],
    ["invalid_scope", "AADSTS70011: Wrong.", 503, approvalUnavailablePage],
  ])(
    "a refusal, %s with “%s”, after which the link is as good as before",
    async ([error, description, statusCode, page]) => {
      const { service, token, status } = await asked();

      const answer = await service.approvalAnswered(refusedAt(token, error, description));

      expect(answer).toMatchObject({ statusCode, body: page.html });
      expect(await status()).toBe("requested");
      expect((await service.openLink(token)).body).toContain("Review and approve at Microsoft");
    },
  );

  it("an answer to a link that has expired, or was replaced", async () => {
    const { service, token, status } = await asked();
    service.clock.pass(7 * 24 * 3600);

    expect((await service.approvalAnswered(approved(token))).statusCode).toBe(410);
    const { attemptId } = await service.begin(alice);
    await service.askAdministrator(alice, { attemptId });
    expect((await service.approvalAnswered(approved(token))).statusCode).toBe(410);
    expect(await status()).toBe("requested");
  });

  it("text that Microsoft's page could be made to carry: it is shown nowhere", async () => {
    const { service, token } = await asked();

    const answer = await service.approvalAnswered({
      ...declined(token),
      error_description: "<b>Call 555-0199</b> AADSTS65004",
      planted: "<script>alert(1)</script>",
    });

    expect(answer.statusCode).toBe(200);
    expect(answer.body).not.toContain("555-0199");
    expect(answer.body).not.toContain("alert");
    expect(log.lines().join("")).not.toContain("555-0199");
  });

  it("a link with parameters added", async () => {
    const { service, token } = await asked();

    const plain = await service.openLink(token);
    const added = await service.openLink(token, "admin_consent=True&tenant=x&name=<b>");

    expect(plain.statusCode).toBe(200);
    expect(added).toEqual(plain);
  });
});

describe("a product user who is an administrator", () => {
  const begun = async (script: ServiceScript = {}) => {
    const service = serviceInMemory({
      redeemCode: async () => succeed({ ...grant, roles: [administrator] }),
      ...script,
    });
    const { state, attemptId } = await service.begin(alice, { forOrganization: true });
    return { service, state, attemptId };
  };
  it("approves and ends with the mailbox connected, in one go", async () => {
    const { service, state } = await begun();

    const onTheWay = await service.approvalAnswered(approved(state));
    const { url } = carried(onTheWay);
    expect(url.pathname).toBe(`/${account.tenantId}/oauth2/v2.0/authorize`);
    expect(url.searchParams.get("state")).toBe(state);
    expect(url.searchParams.get("redirect_uri")).toBe("https://api.example/callback");
    expect(onTheWay.cookies).toBeUndefined();
    expect((await service.consents.find(tenant)).status).toBe("unknown");

    const answer = await service.complete(alice, await service.comeBack(state));

    expect(answer.statusCode).toBe(200);
    expect(await service.consents.find(tenant)).toMatchObject({
      status: "verified",
      proof: { kind: "administrator" },
    });
    expect(service.identity.redeemed[0]?.authority).toBe(account.tenantId);
  });

  it("who declines comes back to the product, and is told so", async () => {
    const { service, state } = await begun();

    const answer = await service.approvalAnswered({
      state,
      admin_consent: "True",
      error: "access_denied",
      error_description: "AADSTS65004: declined",
    });

    expect(answer.statusCode).toBe(303);
    const completed = await service.complete(alice, broughtBack(answer));
    expect(problemIn(completed).code).toBe("access_declined");
    expect((await service.consents.find(tenant)).status).toBe("unknown");
  });

  it("cannot have an approval counted that another one's attempt brings", async () => {
    const { service } = await begun();
    const { state } = await service.begin(mallory);

    const answer = await service.approvalAnswered(approved(state));

    expect(answer.statusCode).toBe(400);
    expect((await service.consents.find(tenant)).status).toBe("unknown");
  });

  it("who comes too late is sent back without a value, and told that it has expired", async () => {
    const { service, state, attemptId } = await begun();
    service.clock.pass(600);

    const answer = await service.approvalAnswered(approved(state));

    expect(broughtBack(answer)).toEqual({ attemptId, completion: "" });
  });

  it("whose approval has not spread yet is told to wait", async () => {
    const { service, state } = await begun({
      redeemCode: async () => fail(microsoftFailure("admin_approval_required")),
    });
    await service.approvalAnswered(approved(state));

    const answer = await service.complete(alice, await service.comeBack(state));

    expect(problemIn(answer).code).toBe("approval_spreading");
  });
});
