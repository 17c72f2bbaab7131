import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import * as z from "zod/mini";
import {
  administratorsBrowser,
  allMails,
  buttonOn,
  linkIn,
  mailsTo,
  openPage,
} from "../../infra/local/administrator-client.ts";
import { accounts, castellan, mailsOf } from "../../infra/local/microsoft/directory.ts";
import { signIn } from "../../infra/local/microsoft/walk-sign-in.ts";
import { type ProductClient, postCallback } from "../../infra/local/product-client.ts";
import { people } from "../../infra/local/web-app/people.ts";
import { leaksIn, type Needle } from "./leak-search.ts";
import { asAccount, connectionView, openScene, type Scene } from "./scene.ts";

const canary = "Zx7Canary9Qw2Lk4Tn8Vb6Rm3";

let scene: Scene;
let needles: readonly Needle[];

/** What went over the wire while the functions ran. */
const seen = {
  apiAnswers: [] as string[],
  tokenAnswers: [] as string[],
  operatorAnswers: [] as string[],
  jwts: new Set<string>(),
  oneTimeValues: new Set<string>(),
};

const issuedToken = z.object({ token: z.string() });
/** In the addresses to which the approval pages and callbacks lead. */
const oneTimeParameter = /[?&](?:amp;)?(?:state|nonce|code_challenge)=([\w-]{40,})/g;
const begun = z.object({ authorizationUrl: z.string() });

/** Listens to all that the browser and the product's pages exchange with the API. */
const listen = () => {
  const real = globalThis.fetch;
  vi.stubGlobal("fetch", async (...request: Parameters<typeof fetch>) => {
    const response = await real(...request);
    const url = request[0] instanceof Request ? request[0].url : String(request[0]);
    if (url === `${scene.stack.origins.webApp}/session/token`) {
      seen.jwts.add(issuedToken.parse(await response.clone().json()).token);
    }
    if (url.startsWith(scene.stack.origins.api)) {
      const body = await response.clone().text();
      const location = response.headers.get("location") ?? "";
      seen.apiAnswers.push(body, JSON.stringify([...response.headers]));
      const completion = /completion=([\w-]{43})/.exec(location)?.[1];
      if (completion !== undefined) seen.oneTimeValues.add(completion);
      for (const [, value] of `${location} ${body}`.matchAll(oneTimeParameter)) {
        if (value !== undefined) seen.oneTimeValues.add(value);
      }
      if (url.endsWith("/start") && response.status === 201) {
        const { searchParams } = new URL(begun.parse(JSON.parse(body)).authorizationUrl);
        for (const name of ["state", "nonce", "code_challenge"]) {
          seen.oneTimeValues.add(searchParams.get(name) ?? "");
        }
      }
    }
    return response;
  });
};

const fetchToken = async (
  { workspaceId }: ProductClient,
  connectionId: string,
  more: Record<string, unknown> = {},
) => {
  const answer = await scene.invoke(
    JSON.stringify({
      connectionId,
      workspaceId,
      run: { workflowId: "newest-mail", runId: "run-1" },
      ...more,
    }),
  );
  seen.tokenAnswers.push(JSON.stringify(answer));
  return answer;
};

const erase = async (payload: object) => {
  const answer = await scene.erase(payload);
  seen.operatorAnswers.push(JSON.stringify(answer));
  return answer;
};

const requireSignIn = async (payload: object) => {
  const answer = await scene.requireSignIn(payload);
  seen.operatorAnswers.push(JSON.stringify(answer));
  return answer;
};

const letTheTokenExpire = () => scene.stack.clock.advance(7200);

/** People who connect, decline, are kept, come back too late or to the wrong person. */
const connectInEveryWay = async () => {
  const ines = await scene.signedIn("user_ines");
  const leo = await scene.signedIn("user_leo");
  const ben = { username: "ben.okafor@larkfield.example" };
  await scene.connect(ines, ben);
  await scene.connect(leo, { username: "juno.hale@outlook.example" });
  await scene.connect(leo, { username: "tomas.rivera@castellan.example" });
  await scene.tryToConnect(ines, { ...ben, consent: "decline" });
  await scene.tryToConnect(ines, {
    username: "clara.lindqvist@larkfield.example",
    consent: "decline",
  });
  await scene.tryToConnect(ines, { username: "niall.byrne@aldermoor.example", approval: "return" });
  await scene.tryToConnect(ines, {
    username: "quentin.marsh@brightwater.example",
    approval: "request_and_return",
  });
  await scene.tryToConnect(ines, { username: "dario.fenn@larkfield.example" });

  const stolen = await scene.goToMicrosoft(leo, ben);
  await postCallback(stolen.form);
  await ines.complete(stolen.returned);
  await leo.complete({ ...stolen.returned, completion: stolen.code.slice(0, 43) });

  const [connection] = await scene.list(ines);
  const { authorizationUrl } = await ines.start({
    connectionId: connection?.id ?? "",
    loginHint: ben.username,
  });
  const other = "ada.whitlock@larkfield.example";
  const form = await signIn(asAccount(authorizationUrl, other), { username: other });
  if ("action" in form) {
    const { returned } = await postCallback(form);
    if (returned) await ines.complete(returned);
  }
  const late = await scene.goToMicrosoft(ines, ben);
  scene.stack.clock.advance(601);
  await postCallback(late.form);
  await ines.complete(late.returned);
};

/** People who are turned away, an administrator who approves, and all that others send to the approval pages. */
const askForApprovalInEveryWay = async () => {
  const { api } = scene.stack.origins;
  const niall = await scene.signedIn("user_niall");
  const margit = { username: "margit.solberg@aldermoor.example" };
  const { attemptId, returned } = await scene.goToMicrosoft(niall, {
    username: "niall.byrne@aldermoor.example",
    approval: "return",
  });
  await niall.complete(returned);
  const ask = (body: object) => niall.call("POST", "/admin-consent-requests", body);
  await ask({ attemptId, adminEmail: `${canary}@elsewhere.example` });
  await ask({ attemptId, adminEmail: `"${canary}" <${margit.username}>` });
  await ask({ attemptId: canary, [canary]: canary });
  await ask({ attemptId, adminEmail: margit.username });
  const [mail] = await mailsTo(scene.stack, margit.username);
  if (!mail) throw new Error("no mail came");
  const link = linkIn(mail);
  seen.oneTimeValues.add(link.pathname.split("/").at(-1) ?? "");

  await openPage(new URL(`${api}/admin-consent/${canary}${canary}`.slice(0, api.length + 58)));
  await openPage(new URL(`${link}?admin_consent=True&tenant=${canary}`));
  const state = buttonOn((await openPage(link)).html).searchParams.get("state") ?? "";
  for (const query of [
    { state: canary, admin_consent: "True", tenant: canary },
    { state, admin_consent: canary, tenant: canary },
    { state, error: canary, error_description: canary },
    { state, admin_consent: "True", tenant: "9188040d-6c67-4c5b-b112-36a304b66dad" },
  ]) {
    const callback = new URL(`${api}/admin-consent-callback`);
    callback.search = String(new URLSearchParams(query));
    await fetch(callback, { redirect: "manual" });
    await fetch(callback, {
      method: "POST",
      body: new URLSearchParams({ ...query, code: canary }),
    });
  }
  const browser = administratorsBrowser();
  const reported = await browser.decide(buttonOn((await openPage(link)).html), margit);
  await browser.prove(reported, margit);
  await openPage(link);
  scene.stack.clock.advance(120);
  await scene.stack.runSchedules();
  scene.stack.clock.advance(120);
  await scene.stack.runSchedules();
};

/** Microsoft answers all that it should not, with secrets and addresses in it. */
const meetABadMicrosoft = async () => {
  const { microsoft } = scene;
  const tomas = await scene.signedIn("user_tomas");
  const ben = { username: "ben.okafor@larkfield.example" };
  const complete = async (order: () => void) => {
    const { returned } = await scene.goToMicrosoft(tomas, ben);
    order();
    await tomas.complete(returned);
    microsoft.heal();
  };
  const telling = `AADSTS50020: User account '${ben.username}' with code ${canary} does not exist.`;
  await complete(() => microsoft.alter({ alteration: { idToken: { signature: "foreign_key" } } }));
  await complete(() => microsoft.alter({ alteration: { idToken: { omitClaims: ["nonce"] } } }));
  await complete(() =>
    microsoft.alter({ alteration: { set: { id_token: `${canary}.${canary}` } } }),
  );
  await complete(() => microsoft.alter({ alteration: { omit: ["refresh_token"] } }));
  await complete(() => microsoft.alter({ alteration: { scopes: ["User.Read"] } }));
  await complete(() => microsoft.alter({ alteration: { set: { access_token: { canary } } } }));
  await complete(() => microsoft.fault({ endpoint: "token", fault: { kind: "garbled" } }));
  await complete(() => microsoft.fault({ endpoint: "token", fault: { kind: "dropped" } }));
  await complete(() =>
    microsoft.fault({ endpoint: "token", fault: { kind: "huge", megabytes: 1 } }),
  );
  await complete(() => microsoft.fault({ endpoint: "graph", fault: { kind: "unavailable" } }));
  // Longer than an environment remembers Microsoft's keys.
  scene.stack.clock.advance(700);
  await complete(() =>
    microsoft.fault({ endpoint: "keys", fault: { kind: "unavailable" }, times: "always" }),
  );
  for (const body of [
    JSON.stringify({ error: "invalid_grant", suberror: canary, error_description: telling }),
    JSON.stringify({ error: canary, error_description: telling, claims: canary }),
    `{"access_token": "${canary}`,
    telling,
  ]) {
    const fault = { kind: "answer", status: 400, body } as const;
    await complete(() => microsoft.fault({ endpoint: "token", fault }));
  }
  const secrets = await scene.clientCredential.read();
  const withExpiry = (expired: boolean) => ({
    secrets: secrets.map((secret) => ({ secret, expired })),
  });
  await complete(() => microsoft.setClientSecrets(withExpiry(true)));
  microsoft.setClientSecrets(withExpiry(false));
};

/** Workers fetch while all is well, while nothing is, and while somebody has to act. */
const fetchInEveryWay = async () => {
  const { microsoft } = scene;
  const priya = await scene.signedIn("user_priya");
  const ada = "ada.whitlock@larkfield.example";
  const uma = "uma.patel@castellan.example";
  const { id } = await scene.connect(priya, { username: ada });
  const { id: strict } = await scene.connect(priya, { username: uma });
  await fetchToken(priya, id);
  await fetchToken(priya, id);
  await fetchToken(priya, id, { workspaceId: "ws_larkfield" });
  await fetchToken(priya, id, { run: { workflowId: canary, runId: "a b" } });
  await fetchToken(priya, id, { accessToken: canary });
  await fetchToken(priya, canary);
  letTheTokenExpire();
  await Promise.all(Array.from({ length: 8 }, () => fetchToken(priya, id)));
  for (const fault of [
    { kind: "unavailable" },
    { kind: "throttled", retryAfter: 10 },
    { kind: "garbled" },
    { kind: "dropped", afterProcessing: true },
    {
      kind: "answer",
      status: 400,
      body: JSON.stringify({ error: "invalid_grant", error_description: `${ada} ${canary}` }),
    },
  ] as const) {
    letTheTokenExpire();
    microsoft.fault({ endpoint: "token", fault });
    await fetchToken(priya, id);
  }
  letTheTokenExpire();
  microsoft.withdrawUserConsent({ username: ada });
  await fetchToken(priya, id);
  microsoft.grantUserConsent({ username: ada });
  letTheTokenExpire();
  microsoft.revokeSessions({ username: ada });
  await fetchToken(priya, id);
  await fetchToken(priya, id);
  microsoft.requireSecondFactorAgain({ tenantId: castellan.id });
  await fetchToken(priya, strict);
  await scene.connect(priya, { username: uma }, { connectionId: strict });
  await priya.call("DELETE", `/connections/${strict}`);
  scene.stack.clock.advance(31);
  await fetchToken(priya, strict);
  const { workspaceId, personId: userId } = priya;
  const connectedBefore = scene.stack.clock.now().toISOString();
  expect(await requireSignIn({ workspaceId, connectedBefore })).toMatchObject({ ok: true });
  expect(await erase({ workspaceId, userId })).toMatchObject({ ok: true });
};

/** Requests with secrets where none belong. */
const sendSecretsToWrongPlaces = async () => {
  const leo = await scene.signedIn("user_leo");
  const { form, code, returned } = await scene.goToMicrosoft(leo, {
    username: "theo.marsh@hotmail.example",
  });
  const state = form.fields.get("state") ?? "";
  await leo.call("GET", `/connections/${encodeURIComponent(code)}`);
  await leo.call("GET", `/attempts/${state}?code=${canary}&access_token=${canary}`);
  await leo.call("DELETE", `/connections/${canary}`);
  await leo.call("POST", "/start", { loginHint: `${canary}@larkfield.example` });
  await leo.call("POST", "/start", `{"loginHint": "${canary}`);
  await leo.call("POST", "/start", { returnTo: canary, [canary]: canary });
  await leo.call("POST", "/complete", { ...returned, code });
  await leo.call("POST", "/complete", `${canary} is no JSON`);
  for (const fields of [
    { state, code: canary, access_token: canary },
    { state: canary, code },
    { state: `${canary}${canary}`.slice(0, 43), code, session_state: canary },
    { state, error: canary, error_description: canary },
  ]) {
    await postCallback({ action: form.action, fields: new URLSearchParams(fields) });
  }
  await leo.complete(returned);
  await erase({ workspaceId: leo.workspaceId, startAt: code, [canary]: canary });
  await requireSignIn({ connectedBefore: code, startAt: canary, [canary]: canary });
};

/** What breaks on our side breaks with secrets in its hands. */
const breakInEveryWay = async () => {
  const { secretsManager, functions } = scene.stack;
  const ines = await scene.signedIn("user_ines");
  const ben = { username: "ben.okafor@larkfield.example" };
  const denied = {
    code: "AccessDeniedException",
    message: `not for ${canary}\n    at ${canary}:1:1`,
  };

  const withoutVault = await scene.goToMicrosoft(ines, ben);
  secretsManager.faults.refuse("CreateSecret", denied, 3);
  await ines.complete(withoutVault.returned);
  secretsManager.faults.clear();

  const credentialArn = functions.flatMap(
    ({ environment }) => environment.CLIENT_CREDENTIAL_SECRET_ARN ?? [],
  )[0];
  const credential = await scene.vault.read(credentialArn ?? "");
  for (const broken of [`${canary} is no JSON`, JSON.stringify({ clientSecrets: [{ canary }] })]) {
    const { returned } = await scene.goToMicrosoft(ines, ben);
    await scene.vault.write(credentialArn ?? "", broken);
    scene.stack.clock.advance(301);
    await ines.complete(returned);
  }
  await scene.vault.write(credentialArn ?? "", credential);

  const { id } = await scene.connect(ines, ben);
  const item = await scene.tables.connection(id);
  const name = z.string().parse(item.vaultEntry);
  const entry = await scene.vault.read(name);
  for (const broken of [entry.slice(0, -1), entry.replace("refreshToken", "token"), canary]) {
    await scene.vault.write(name, broken);
    letTheTokenExpire();
    await fetchToken(ines, id);
  }
  await scene.vault.write(name, entry);
  for (const broken of [
    { scopes: canary },
    { sealedAccessToken: canary },
    { username: { canary } },
    { problem: { code: canary, actor: canary, message: canary } },
  ]) {
    await scene.tables.putConnection({ ...item, ...broken });
    scene.stack.clock.advance(31);
    await fetchToken(ines, id);
    await ines.call("GET", `/connections/${id}`);
    await ines.call("GET", "/connections");
  }
  await scene.tables.putConnection(item);
};

const labelled = (label: string, values: Iterable<string>): readonly Needle[] =>
  [...values].map((value, index) => ({ label: `${label} ${index}`, value }));

const secretsOf = (scene: Scene): readonly Needle[] => {
  const { issued } = scene.microsoft.report();
  return [
    { label: "canary", value: canary },
    ...labelled("code", issued.codes),
    ...labelled("access token", issued.accessTokens),
    ...labelled("refresh token", issued.refreshTokens),
    ...labelled("ID token", issued.idTokens),
    ...labelled("state, nonce, challenge or completion", seen.oneTimeValues),
    ...labelled("JWT", seen.jwts),
  ];
};

const personal: readonly Needle[] = [
  ...labelled(
    "username",
    accounts.map(({ username }) => username),
  ),
  ...labelled(
    "name",
    accounts.map(({ displayName }) => displayName),
  ),
  ...labelled(
    "object id",
    accounts.map(({ oid }) => oid),
  ),
  ...labelled(
    "product user",
    people.flatMap(({ name, email, id }) => [name, email, id]),
  ),
  ...labelled(
    "mail",
    accounts.flatMap((account) =>
      mailsOf(account).flatMap(({ subject, preview, from }) => [subject, preview, from.address]),
    ),
  ),
];

const lines = () => scene.stack.logs.map(({ line }) => line);

beforeAll(async () => {
  scene = await openScene();
  scene.microsoft.plant({ canary });
  listen();
  await connectInEveryWay();
  await askForApprovalInEveryWay();
  await meetABadMicrosoft();
  await fetchInEveryWay();
  await sendSecretsToWrongPlaces();
  await breakInEveryWay();

  // A sign-in that is open, with a parked answer in the table.
  scene.stack.clock.advance(700);
  await scene.goToMicrosoft(await scene.signedIn("user_tomas"), {
    username: "clara.lindqvist@larkfield.example",
  });
  needles = [
    ...secretsOf(scene),
    ...labelled("client secret", await scene.clientCredential.read()),
    { label: "vault key of sign-ins", value: await scene.vault.read("SignInKeys") },
    { label: "vault key of tokens", value: await scene.vault.read("TokenKeys") },
  ];
  // The lines of the last call reach us a moment after its answer.
  const last = z
    .object({ error: z.object({ traceId: z.string() }) })
    .parse(await scene.invoke("{}"));
  await vi.waitUntil(() => lines().join("\n").includes(last.error.traceId), { timeout: 5_000 });
});
afterAll(async () => {
  vi.unstubAllGlobals();
  await scene?.close();
});

describe("the search for leaks", () => {
  const token = `1.A${canary}${"abcdefghij0123456789".repeat(8)}`;
  const needle = { label: "token", value: token };

  it.for<[string, string]>([
    ["as it is", token],
    ["in a part of it", token.slice(50, 140)],
    ["percent-encoded", encodeURIComponent(`?code=${token}&a=b`)],
    ["percent-encoded twice", encodeURIComponent(encodeURIComponent(`a%&=${token}`))],
    ["in base64", Buffer.from(token).toString("base64")],
    ["in base64, one character later", Buffer.from(`x${token}`).toString("base64")],
    ["in base64url, two characters later", Buffer.from(`xy${token}`).toString("base64url")],
    ["in JSON inside JSON", JSON.stringify(JSON.stringify({ body: token }))],
  ])("finds a secret %s", ([, text]) => {
    expect(leaksIn(["before", `{"message":"${text}"}`, "after"], [needle])).toEqual(["token"]);
  });

  it("finds a secret with quotes and letters of other languages in all of these, too", () => {
    const value = "Angebot „Büro“ für Rosa Ibáñez";
    const texts = [
      value,
      encodeURIComponent(value),
      Buffer.from(`{"a":"${value}"}`).toString("base64"),
      JSON.stringify(JSON.stringify(value)),
    ];

    for (const text of texts) expect(leaksIn([text], [{ label: "name", value }])).toEqual(["name"]);
  });

  it("finds nothing where nothing is", () => {
    expect(leaksIn(["token served", "1.A", canary.toLowerCase()], [needle])).toEqual([]);
  });

  it("finds in the real logs what belongs there", async () => {
    const items = await scene.tables.items("CONNECTIONS_TABLE");
    const ids = labelled(
      "connection",
      items.map(({ id }) => String(id)),
    );

    expect(ids.length).toBeGreaterThan(5);
    expect(leaksIn(lines(), ids)).toEqual(ids.map(({ label }) => label));
  });
});

describe("after all that can happen has happened", () => {
  it("the logs speak of it", () => {
    const failures = new Set(
      lines().flatMap((line) => /"failure":"([a-z_]+)"/.exec(line)?.[1] ?? []),
    );

    expect([...failures]).toEqual(
      expect.arrayContaining([
        "access_declined",
        "account_mismatch",
        "admin_approval_required",
        "app_credential_rejected",
        "attempt_expired",
        "attempt_unknown",
        "grant_incomplete",
        "id_token_nonce_mismatch",
        "id_token_rejected",
        "internal_error",
        "invalid_request",
        "mailbox_not_available",
        "mailbox_unreachable",
        "not_found",
        "permissions_missing",
        "session_mismatch",
        "sign_in_required",
        "temporarily_unavailable",
        "throttled",
      ]),
    );
    expect(lines().length).toBeGreaterThan(100);
    expect(needles.length).toBeGreaterThan(200);
  });

  it("they hold no token, code, state, verifier, nonce, JWT, secret or key", () => {
    expect(leaksIn(lines(), needles)).toEqual([]);
  });

  it("nor anything that looks like one, and nothing had to be masked", () => {
    const names = scene.stack.functions.map(({ name }) => name);
    const suspicious = lines()
      // The service's own names, some of which are long.
      .map((line) => names.reduce((text, name) => text.replaceAll(name, "function"), line))
      // Where a bundle lies on this machine; deployed, it is /var/task.
      .map((line) => line.replaceAll(/\/asset\.\[masked\]\//g, "/"))
      .filter((line) => /eyJ[\w-]{10,}|[\w-]{40,}|\[masked\]|\[secret\]/.test(line));

    expect(suspicious).toEqual([]);
  });

  it("nor a name, an address, an object id, or what is in anybody’s mail", () => {
    expect(leaksIn(lines(), personal)).toEqual([]);
  });

  it("they tell every step of an approval", () => {
    const steps = new Set(lines().flatMap((line) => /"step":"([a-z_]+)"/.exec(line)?.[1] ?? []));

    expect([...steps]).toEqual(
      expect.arrayContaining(["blocked", "requested", "mailed", "opened", "reported", "verified"]),
    );
  });

  it("each line is one JSON object with a level, a sentence and its request, of the second bundle too", () => {
    const line = z.looseObject({
      level: z.string(),
      message: z.string(),
      service: z.string(),
      function_request_id: z.guid(),
    });
    // Of the loader, before there is a request.
    const ofRequests = lines().filter((text) => !text.includes("code_cache_refused"));

    for (const text of ofRequests) expect(() => line.parse(JSON.parse(text)), text).not.toThrow();
    expect(ofRequests.join("\n")).toContain("requests to Microsoft rest");
  });

  it("the items of all tables hold no secret in clear", async () => {
    const attempts = await scene.tables.items("ATTEMPTS_TABLE");
    const connections = await scene.tables.items("CONNECTIONS_TABLE");
    const approvals = await scene.tables.items("TENANT_CONSENTS_TABLE");
    const texts = [...attempts, ...connections, ...approvals].map((item) => JSON.stringify(item));

    expect(attempts).toContainEqual(
      expect.objectContaining({
        status: "returned",
        answer: { kind: "code", sealedCode: expect.stringMatching(/^eyJ/) },
      }),
    );
    expect(connections).toContainEqual(
      expect.objectContaining({ sealedAccessToken: expect.stringMatching(/^eyJ/) }),
    );
    expect(approvals).toContainEqual(
      expect.objectContaining({ sealedToken: expect.stringMatching(/^eyJ/) }),
    );
    expect(leaksIn(texts, needles)).toEqual([]);
  });

  it("an attempt that is over holds no answer and no sealed secret", async () => {
    const attempts = await scene.tables.items("ATTEMPTS_TABLE");
    const over = attempts.filter(({ status }) => status === "completed" || status === "failed");

    expect(over.length).toBeGreaterThan(10);
    for (const item of over) {
      expect(item).not.toHaveProperty("answer");
      expect(item).not.toHaveProperty("sealedSecrets");
    }
  });

  it("no answer of the API held a token of Microsoft’s, a code, or a secret of ours", () => {
    const forbidden = needles.filter(({ label }) =>
      /^(code|access token|refresh token|ID token|JWT|client secret|vault key)/.test(label),
    );

    expect(seen.apiAnswers.length).toBeGreaterThan(200);
    expect(leaksIn(seen.apiAnswers, forbidden)).toEqual([]);
  });

  it("no worker got anything but an access token of its own", () => {
    const forbidden = needles.filter(({ label }) =>
      /^(code|refresh token|ID token|JWT|client secret|vault key)/.test(label),
    );

    expect(
      seen.tokenAnswers.filter((answer) => answer.includes('"ok":true')).length,
    ).toBeGreaterThan(5);
    expect(leaksIn(seen.tokenAnswers, forbidden)).toEqual([]);
  });

  it("those who end many connections were answered without any of it, and without a name", () => {
    expect(seen.operatorAnswers.length).toBeGreaterThan(3);
    expect(leaksIn(seen.operatorAnswers, [...needles, ...personal])).toEqual([]);
  });

  it("no mail held one but the link it was sent for, nor what somebody wrote where no address belongs", async () => {
    const mails = (await allMails(scene.stack)).map((mail) => JSON.stringify(mail));
    const links = mails.flatMap((mail) => /\/admin-consent\/([\w-]{43})/.exec(mail)?.[1] ?? []);
    const forbidden = needles.filter(({ value }) => !links.includes(value));

    expect(mails.length).toBeGreaterThan(1);
    expect(links).not.toEqual([]);
    expect(leaksIn(mails, forbidden)).toEqual([]);
  });

  it("secrets are named and described without what they hold, and without a person", async () => {
    const listed = (await scene.vault.list()).map((entry) => JSON.stringify(entry));

    expect(listed.length).toBeGreaterThan(4);
    expect(leaksIn(listed, [...needles, ...personal])).toEqual([]);
  });

  it("and what failed can still be connected", async () => {
    const ines = await scene.signedIn("user_ines");

    const completed = await scene.tryToConnect(ines, { username: "ben.okafor@larkfield.example" });

    connectionView.parse(await completed.json());
  });
});
