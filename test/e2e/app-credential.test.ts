import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { newCertificate } from "../../infra/local/microsoft/new-certificate.ts";
import type { AppCredentialChoice } from "../../infra/local/stack.ts";
import {
  type Connected,
  connectionView,
  openScene,
  problemIn,
  refusedWith,
  type Scene,
  served,
} from "./scene.ts";

const ben = { username: "ben.okafor@larkfield.example" };

/** Longer than any token of Microsoft's lives, and than anything is remembered. */
const untilEverythingIsAskedAnew = 7200;

let scene: Scene;

/** What stands in the secret, and at Microsoft, before a test changes it. */
let own: readonly string[];

const withStack = (appCredential: AppCredentialChoice) => {
  let stored: string;
  beforeAll(async () => {
    scene = await openScene({ appCredential });
    own = await scene.clientCredential.read();
    stored = await scene.clientCredential.readAll();
  });
  afterAll(() => scene?.close());
  beforeEach(() => scene.newDay());
  afterEach(async () => {
    await scene.clientCredential.store(JSON.parse(stored));
    scene.stack.sts.refuseWith(undefined);
  });
};

const connected = async (): Promise<Connected> => {
  const product = await scene.signedIn("user_ines");
  return { product, ...ben, connection: await scene.connect(product, ben) };
};

const renewed = async (mailbox: Connected) => {
  scene.stack.clock.advance(untilEverythingIsAskedAnew);
  const { text, degraded } = served(await scene.fetchToken(mailbox));
  expect(degraded).toBe(false);
  expect(text).toBe(scene.microsoft.report().issued.accessTokens.at(-1));
};

const fallbacks = () => scene.failuresLogged("app_credential_fallback");

/**
 * Which fallbacks token-fetch logged meanwhile. A line reaches us a moment after the answer, so what was not logged is
 * told by a line that was logged after it.
 */
const fallbacksOf = async (act: () => Promise<unknown>) => {
  const before = fallbacks().length;
  await act();
  const marks = () => scene.failuresLogged("invalid_request").length;
  const marked = marks();
  await scene.invoke("{}");
  await expect.poll(marks).toBeGreaterThan(marked);
  return fallbacks()
    .slice(before)
    .map(({ insteadOf, credential }) => `${credential} instead of ${insteadOf}`);
};

/** Certificates and federated credentials must stand by themselves. */
const takeSecretsAway = () => scene.microsoft.setClientSecrets({ secrets: [] });

describe("an app with a client secret", () => {
  withStack("secret");

  it("whose secret expires at noon and is replaced at one loses no connection, and goes on by itself", async () => {
    const mailbox = await connected();
    const { product } = mailbox;
    const { clock } = scene.stack;
    const noon = new Date(clock.now().getTime() + 6 * 3600_000);
    scene.microsoft.setClientSecrets({
      secrets: own.map((secret) => ({ secret, expiresAt: noon })),
    });
    await renewed(mailbox);

    clock.advance((noon.getTime() - clock.now().getTime()) / 1000);
    for (const minutes of [1, 19, 20, 15]) {
      clock.advance(minutes * 60);
      const answer = await scene.fetchToken(mailbox);
      expect(refusedWith(answer)).toMatchObject({
        code: "misconfigured",
        actor: "operator",
        retryable: true,
      });
    }
    const meanwhile = await scene.tryToConnect(product, ben);
    expect(await problemIn(meanwhile)).toMatchObject({ status: 503, actor: "operator" });
    const shown = await product.call("GET", `/connections/${mailbox.connection.id}`);
    const view = connectionView.parse(await shown.json());
    expect(view).toMatchObject({ status: "connected" });
    expect(view.problem).toBeUndefined();

    clock.advance(5 * 60);
    await scene.clientCredential.store({
      clientSecrets: [{ value: "made-at-one", expiresAt: "2027-11-01T12:00:00Z" }],
    });
    scene.microsoft.setClientSecrets({ secrets: [{ secret: "made-at-one" }] });
    clock.advance(60);

    served(await scene.fetchToken(mailbox));
    expect((await scene.connect(product, ben)).id).toBe(mailbox.connection.id);
    await expect
      .poll(() => scene.failuresLogged("app_credential_rejected").length)
      .toBeGreaterThan(0);
  });

  it("replaces it without a moment of failure, and nothing is told when each step is done in its turn", async () => {
    const mailbox = await connected();
    const replaced = { value: "the-next-one", expiresAt: "2027-11-01T12:00:00Z" };

    const told = await fallbacksOf(async () => {
      // Microsoft knows both, then the secret holds both, then Microsoft forgets the old one.
      scene.microsoft.setClientSecrets({
        secrets: [...own.map((secret) => ({ secret })), { secret: replaced.value }],
      });
      await renewed(mailbox);
      await scene.clientCredential.store({ clientSecrets: [replaced, ...own] });
      await renewed(mailbox);
      scene.microsoft.setClientSecrets({ secrets: [{ secret: replaced.value }] });
      await renewed(mailbox);
      await scene.clientCredential.store({ clientSecrets: [replaced] });
      await renewed(mailbox);
    });

    expect(told).toEqual([]);
  });

  it("goes on with the old one, and says so, while the new one is not known yet", async () => {
    const mailbox = await connected();
    await scene.clientCredential.store({ clientSecrets: ["not-known-yet", ...own] });

    expect(await fallbacksOf(() => renewed(mailbox))).toEqual([
      "client_secret instead of client_secret",
    ]);
    scene.microsoft.setClientSecrets({
      secrets: ["not-known-yet", ...own].map((secret) => ({ secret })),
    });
    expect(await fallbacksOf(() => renewed(mailbox))).toEqual([]);
  });

  it("is told twice a day how long its best secret will last", async () => {
    const { clock } = scene.stack;
    const inDays = (days: number) =>
      new Date(clock.now().getTime() + days * 24 * 3600_000).toISOString();
    await scene.clientCredential.store({
      clientSecrets: [
        { value: "a", expiresAt: inDays(20.6) },
        { value: "b", expiresAt: inDays(3) },
      ],
    });

    clock.advance(12 * 3600);
    await scene.stack.runSchedules();

    await expect
      .poll(
        () =>
          scene.stack.logs.filter(({ line }) => line.includes("credentialDaysLeft")).at(-1)?.line,
      )
      .toMatch(/"credentialDaysLeft":20\b/);
  });
});

describe("an app with a certificate", () => {
  withStack("certificate");

  it("connects and refreshes without a secret", async () => {
    takeSecretsAway();

    const told = await fallbacksOf(async () => renewed(await connected()));

    expect(told).toEqual([]);
  });

  it("replaces it without a moment of failure", async () => {
    const { clock } = scene.stack;
    const [older, newer] = [
      await newCertificate(clock.now(), 90 * 24 * 3600),
      await newCertificate(clock.now(), 90 * 24 * 3600),
    ];
    takeSecretsAway();
    scene.microsoft.setClientCertificates({ certificates: [older.certificate] });
    await scene.clientCredential.store({ certificates: [older] });
    const mailbox = await connected();

    const told = await fallbacksOf(async () => {
      scene.microsoft.setClientCertificates({
        certificates: [older.certificate, newer.certificate],
      });
      await renewed(mailbox);
      await scene.clientCredential.store({ certificates: [newer, older] });
      await renewed(mailbox);
      scene.microsoft.setClientCertificates({ certificates: [newer.certificate] });
      await renewed(mailbox);
      await scene.clientCredential.store({ certificates: [newer] });
      await renewed(mailbox);
    });

    expect(told).toEqual([]);
  });

  it("goes on with the secret beside it when the certificate has ended, and says so", async () => {
    const ended = await newCertificate(scene.stack.clock.now(), 3600);
    scene.microsoft.setClientCertificates({ certificates: [ended.certificate] });
    await scene.clientCredential.store({ certificates: [ended], clientSecrets: own });
    const mailbox = await connected();

    expect(await fallbacksOf(() => renewed(mailbox))).toEqual([
      "client_secret instead of certificate",
    ]);
  });
});

describe("an app that Microsoft knows by its roles at AWS", () => {
  withStack("federated");

  it("connects and refreshes without anything stored, by a token for every few minutes", async () => {
    takeSecretsAway();
    await scene.clientCredential.store({ clientSecrets: [] });
    const before = scene.stack.sts.issued();

    const told = await fallbacksOf(async () => {
      const mailbox = await connected();
      await renewed(mailbox);
      const another = await connected();
      expect(another.connection.id).toBe(mailbox.connection.id);
    });

    expect(told).toEqual([]);
    expect(scene.stack.access.denied).toEqual([]);
    // complete's, token-fetch's, and complete's again two hours later.
    expect(scene.stack.sts.issued() - before).toBe(3);
  });

  it("goes on with the secret while a new registration has not reached all of Microsoft, and returns to it", async () => {
    const mailbox = await connected();
    const credentials = registered();
    scene.microsoft.setFederatedCredentials({
      credentials,
      replicationSeconds: untilEverythingIsAskedAnew + 60,
    });

    expect(await fallbacksOf(() => renewed(mailbox))).toEqual([
      "client_secret instead of federated",
    ]);
    takeSecretsAway();
    expect(await fallbacksOf(() => renewed(mailbox))).toEqual([]);
  });

  it.for([
    ["another issuer", (one: Registered) => ({ ...one, issuer: `${one.issuer}/` })],
    ["a role in capitals", (one: Registered) => ({ ...one, subject: one.subject.toUpperCase() })],
    ["another audience", (one: Registered) => ({ ...one, audience: "api://another" })],
  ] as const)("goes on with the secret when %s is registered, and says so", async ([, wrong]) => {
    const mailbox = await connected();
    scene.microsoft.setFederatedCredentials({ credentials: registered().map(wrong) });

    expect(await fallbacksOf(() => renewed(mailbox))).toEqual([
      "client_secret instead of federated",
    ]);
  });

  it("goes on with the secret when AWS does not say who it is, and says so", async () => {
    const mailbox = await connected();
    scene.stack.sts.refuseWith("OutboundWebIdentityFederationDisabledException");

    expect(await fallbacksOf(() => renewed(mailbox))).toEqual([
      "client_secret instead of federated",
    ]);

    expect(scene.failuresLogged("federated_credential_unavailable").at(-1)).toMatchObject({
      actor: "operator",
      error: { name: "OutboundWebIdentityFederationDisabled" },
    });
  });

  it("goes on with the secret when its role may not ask AWS, and says so", async () => {
    const mailbox = await connected();
    const { access } = scene.stack;
    const grant = access.grants.find(
      ({ functionName, action }) =>
        functionName === scene.stack.tokenFetchFunctionName && action === "sts:GetWebIdentityToken",
    );
    if (!grant) expect.fail("token-fetch has no such grant");
    const giveBack = access.withdraw(grant);

    const told = await fallbacksOf(() => renewed(mailbox));
    giveBack();

    expect(told).toEqual(["client_secret instead of federated"]);
    expect(scene.failuresLogged("federated_credential_unavailable").at(-1)).toMatchObject({
      error: { name: "AccessDenied" },
    });
  });

  it("never writes what AWS says of it into a log", async () => {
    const mailbox = await connected();
    await renewed(mailbox);

    for (const { line } of scene.stack.logs) expect(line).not.toMatch(/eyJ[\w-]{10,}/);
  });
});

interface Registered {
  readonly issuer: string;
  readonly subject: string;
  readonly audience: string;
}

/** What the operator registered: the roles that are allowed to be named to Microsoft. */
const registered = (): Registered[] => [...scene.stack.federatedCredentials];
