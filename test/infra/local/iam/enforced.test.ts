import { createHash } from "node:crypto";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import {
  DeleteSecretCommand,
  GetSecretValueCommand,
  SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";
import { afterAll, beforeAll, expect, it } from "vitest";
import * as z from "zod/mini";
import {
  administratorsBrowser,
  buttonOn,
  openPage,
} from "../../../../infra/local/administrator-client.ts";
import type { Grant } from "../../../../infra/local/iam/access.ts";
import { type ProductClient, postCallback } from "../../../../infra/local/product-client.ts";
import { rotate } from "../../../../infra/local/rotate-secrets.ts";
import { dynamoDbTokenVault } from "../../../../shared/adapters/dynamodb/token-vault.ts";
import { jweSealer } from "../../../../shared/adapters/jwe/sealer.ts";
import { vaultKeyOf } from "../../../../shared/adapters/secrets-manager/vault-keys.ts";
import { Secret } from "../../../../shared/domain/secret.ts";
import { openScene, problemIn, refusedWith, type Scene, served } from "../../../e2e/scene.ts";

const ben = { username: "ben.okafor@larkfield.example", consent: "accept" } as const;

let scene: Scene;
let ines: ProductClient;
beforeAll(async () => {
  scene = await openScene();
  ines = await scene.signedIn("user_ines");
});
afterAll(() => scene.close());

const described = ({ functionName, action, resource }: Grant) =>
  `${functionName}: ${action} on ${resource}`;

/** Does something while a function lacks one of its grants. */
const without = async <Value>(
  functionName: string,
  action: string,
  resource: RegExp,
  act: () => Promise<Value>,
): Promise<Value> => {
  const { access } = scene.stack;
  const [grant, ...others] = access.grants.filter(
    (each) =>
      each.functionName.endsWith(`-${functionName}`) &&
      each.action === action &&
      resource.test(each.resource),
  );
  if (!grant || others.length > 0) expect.fail(`not exactly one grant of ${action} is meant`);
  const giveBack = access.withdraw(grant);
  try {
    return await act();
  } finally {
    giveBack();
    expect(access.denied).toContainEqual(
      expect.objectContaining({ functionName: grant.functionName, action }),
    );
  }
};

const stored = async () => ({
  attempts: await scene.tables.items("ATTEMPTS_TABLE"),
  connections: await scene.tables.items("CONNECTIONS_TABLE"),
  secrets: await scene.vault.names(),
});

/** An organisation is blocked, asks, approves, loses its approval, and hears that a mail bounced. */
const approveAndWithdraw = async () => {
  const { clock, lambda } = scene.stack;
  const niall = await scene.signedIn("user_niall");
  const oona = await scene.signedIn("user_oona");
  const margit = { username: "margit.solberg@aldermoor.example" };

  // Microsoft keeps the first one, and sends the second one back.
  const { attemptId: unanswered } = await niall.start();
  clock.advance(601);
  expect(await scene.attempt(niall, unanswered)).toMatchObject({ status: "expired" });
  const { attemptId, returned } = await scene.goToMicrosoft(niall, {
    username: "niall.byrne@aldermoor.example",
    approval: "return",
  });
  expect((await niall.complete(returned)).status).toBe(403);

  const asked = await niall.call("POST", "/admin-consent-requests", {
    attemptId,
    adminEmail: margit.username,
  });
  const { approvalUrl } = z.object({ approvalUrl: z.url() }).parse(await asked.json());
  expect((await niall.call("GET", "/admin-consent-requests")).status).toBe(200);
  const token = new URL(approvalUrl).pathname.split("/").at(-1) ?? "";
  const reference = createHash("sha256")
    .update(JSON.stringify(["approval_link", token]))
    .digest("base64url");
  await lambda.invoke(
    functionName("mail-events"),
    JSON.stringify({
      source: "aws.ses",
      detail: {
        eventType: "Bounce",
        mail: { destination: [margit.username], tags: { reference: [reference] } },
        bounce: { bounceType: "Permanent", bounceSubType: "General" },
      },
    }),
  );

  const browser = administratorsBrowser();
  const { html } = await openPage(new URL(approvalUrl));
  const proved = await browser.prove(await browser.decide(buttonOn(html), margit), margit);
  expect(proved.status).toBe(200);
  clock.advance(120);
  await scene.stack.runSchedules();

  // An administrator who approves for everybody on the way to their own mailbox.
  const first = await scene.connect(niall, { username: "niall.byrne@aldermoor.example" });
  const second = await scene.connect(oona, { username: "oona.virtanen@aldermoor.example" });
  scene.microsoft.withdrawTenantConsent({ tenantId: first.account.tenantId });
  clock.advance(2 * 3600);
  await scene.fetchToken({ product: niall, connection: first });
  await scene.fetchToken({ product: oona, connection: second });
  expect(
    await niall.call("GET", `/connections/${first.id}`).then((each) => each.json()),
  ).toMatchObject({
    status: "admin_approval_required",
  });
  const repair = await niall.call("POST", "/admin-consent-requests", { connectionId: first.id });
  expect(repair.status).toBe(200);
  expect((await niall.call("GET", `/admin-consent-requests?connectionId=${first.id}`)).status).toBe(
    200,
  );
  await approveOnTheWay(await scene.signedIn("user_margit"), margit.username);
  // Who reconnects before anybody is told needs no mail.
  await scene.connect(niall, { username: "niall.byrne@aldermoor.example" });
};

/** Lays a refresh token into the vault that the stage does not use, as if it had used it before. */
const layIntoTheTable = async (id: string): Promise<void> => {
  const { origins, region, clock } = scene.stack;
  const aws = { region, credentials: { accessKeyId: "test", secretAccessKey: "test" } };
  const secrets = new SecretsManagerClient({ ...aws, endpoint: origins.secretsManager });
  const dynamoDb = new DynamoDBClient({ ...aws, endpoint: origins.dynamoDb });
  try {
    const { SecretString = "", VersionId = "" } = await secrets.send(
      new GetSecretValueCommand({ SecretId: "TokenKeys" }),
    );
    const key = vaultKeyOf({ versionId: VersionId, value: new Secret(SecretString) });
    const sealer = jweSealer({ current: async () => key, byId: async () => key });
    const item = await scene.tables.connection(id);
    const entry = String(item.vaultEntry);
    const { refreshToken, ...owner } = JSON.parse(await scene.vault.read(entry));
    const vault = dynamoDbTokenVault(dynamoDb, "RefreshTokens", sealer, () => clock.now());
    await scene.tables.putConnection({
      ...item,
      vaultEntry: await vault.create(owner, new Secret(refreshToken)),
    });
    await secrets.send(
      new DeleteSecretCommand({ SecretId: entry, ForceDeleteWithoutRecovery: true }),
    );
  } finally {
    secrets.destroy();
    dynamoDb.destroy();
  }
};

/** Tokens that lie in the other vault move, are replaced, erased and swept; and the keys are rotated. */
const changeVaultAndKeys = async () => {
  const { clock, secretsManager, region } = scene.stack;
  const connected = async () => {
    const connection = await scene.connect(ines, ben);
    await layIntoTheTable(connection.id);
    return connection;
  };

  const moved = await connected();
  clock.advance(2 * 3600);
  served(await scene.fetchToken({ product: ines, connection: moved }));
  expect(await scene.vault.names(moved.id)).toHaveLength(1);

  await layIntoTheTable(moved.id);
  await scene.connect(ines, ben, { connectionId: moved.id });
  await layIntoTheTable(moved.id);
  expect((await ines.call("DELETE", `/connections/${moved.id}`)).status).toBe(204);

  // A disconnect comes first, so what was stored for a connection that is gone is erased.
  const overtaken = await connected();
  clock.advance(2 * 3600);
  scene.microsoft.fault({
    endpoint: "token",
    fault: { kind: "delayed", milliseconds: 700 },
    grantType: "refresh_token",
  });
  const asked = () => scene.microsoft.report().calls["token.refresh_token"] ?? 0;
  const before = asked();
  const renewing = scene.fetchToken({ product: ines, connection: overtaken });
  await expect.poll(asked, { interval: 10 }).toBe(before + 1);
  await ines.call("DELETE", `/connections/${overtaken.id}`);
  expect(refusedWith(await renewing).code).toBe("not_found");
  expect(await scene.vault.names(overtaken.id)).toEqual([]);

  const kept = await connected();
  const item = await scene.tables.connection(kept.id);
  const entriesOf = `outlook-connect/local/refresh-tokens/${kept.id}`;
  const ofAnotherSignIn = `${entriesOf}/00000000-0000-4000-8000-000000000001`;
  // The keep-alive looks at the layout of what it cannot read.
  const refreshTokenStoredAt = "yesterday";
  await scene.tables.putConnection({ ...item, vaultEntry: ofAnotherSignIn, refreshTokenStoredAt });
  await scene.vault.create(`${entriesOf}/00000000-0000-4000-8000-000000000000`, "left by a crash");
  clock.advance(25 * 3600);
  for (let hour = 0; hour < 24; hour += 1) {
    clock.advance(3600);
    await scene.stack.runSchedules();
  }
  expect(await scene.tables.items("REFRESH_TOKENS_TABLE")).toEqual([]);
  expect(await scene.vault.names(kept.id)).toEqual([]);
  await scene.tables.putConnection({ ...item, vaultEntry: ofAnotherSignIn });

  for (const keys of ["SignInKeys", "TokenKeys"]) await rotate(secretsManager, region, keys);
};

/** One person leaves in the middle of a sign-in, and then their workspace is deleted. */
const leave = async () => {
  const niall = await scene.signedIn("user_niall");
  const oona = await scene.signedIn("user_oona");
  const { workspaceId } = niall;
  const [theirs] = await scene.list(oona);
  if (!theirs) expect.fail("the colleague has no connection");
  await layIntoTheTable(theirs.id);
  await niall.start();

  expect(await scene.erase({ workspaceId, userId: niall.personId })).toEqual({
    ok: true,
    erased: 1,
  });
  expect(await scene.erase({ workspaceId })).toEqual({ ok: true, erased: 2 });
  for (const person of [niall, oona]) expect(await scene.list(person)).toEqual([]);
};

/** The tokens of an organisation are bad, in whichever vault they are. */
const deleteTokens = async () => {
  const { clock } = scene.stack;
  const connection = await scene.connect(ines, ben);
  const { tenantId } = connection.account;
  for (const layElsewhere of [false, true]) {
    await scene.connect(ines, ben, { connectionId: connection.id });
    if (layElsewhere) await layIntoTheTable(connection.id);
    clock.advance(5);
    const connectedBefore = clock.now().toISOString();
    expect(await scene.requireSignIn({ tenantId, connectedBefore })).toMatchObject({ required: 1 });
  }
  expect(await scene.vault.names(connection.id)).toEqual([]);
  expect(await scene.tables.items("REFRESH_TOKENS_TABLE")).toEqual([]);
};

const approveOnTheWay = async (product: ProductClient, username: string) => {
  const browser = administratorsBrowser();
  const { authorizationUrl } = await product.start({ forOrganization: true });
  const answered = await browser.decide(new URL(authorizationUrl), { username });
  const { response, returned } = await browser.signInAfter(answered, { username });
  expect(response.status).toBe(303);
  if (!returned) expect.fail("the callback leads nowhere");
  expect((await product.complete(returned)).status).toBe(200);
};

const functionName = (name: string) => {
  const found = scene.stack.functions.find((each) => each.name.endsWith(`-${name}`));
  if (!found) throw new Error(`there is no function ${name}`);
  return found.name;
};

it("denies nothing on the whole way of a connection and of an approval, which uses every grant", async () => {
  const { access, clock } = scene.stack;

  const { attemptId, form, returned } = await scene.goToMicrosoft(ines, ben);
  // A browser that posts its form again is sent back without the completion value.
  expect((await postCallback(form)).returned?.completion).toBeUndefined();
  expect(await scene.attempt(ines, attemptId)).toMatchObject({ status: "returned" });
  expect((await ines.complete(returned)).status).toBe(200);
  // A page that is loaded again completes again, and is shown the same connection.
  expect((await ines.complete(returned)).status).toBe(200);

  const [listed] = await scene.list(ines);
  if (!listed) expect.fail("no connection is listed");
  expect((await ines.call("GET", `/connections/${listed.id}`)).status).toBe(200);
  const connection = await scene.connect(ines, ben, { connectionId: listed.id });
  expect(connection.id).toBe(listed.id);

  const first = served(await scene.fetchToken({ product: ines, connection }));
  clock.advance(2 * 3600);
  const second = served(await scene.fetchToken({ product: ines, connection }));
  expect(second.text).not.toBe(first.text);
  // A refresh token is replaced when it is older than a day.
  clock.advance(25 * 3600);
  served(await scene.fetchToken({ product: ines, connection }));
  expect((await ines.call("DELETE", `/connections/${connection.id}`)).status).toBe(204);
  await approveAndWithdraw();
  await leave();
  await deleteTokens();
  await changeVaultAndKeys();

  expect(access.denied).toEqual([]);
  expect(access.grants.length).toBeGreaterThan(20);
  expect(access.unusedGrants.map(described)).toEqual([]);
});

it("fails a start that may not be stored, and stores nothing", async () => {
  const before = await stored();

  const response = await without("start", "dynamodb:PutItem", /Attempts/, () =>
    ines.call("POST", "/start", {}),
  );

  expect(response.status).toBe(500);
  expect(await problemIn(response)).toMatchObject({ code: "internal_error", actor: "operator" });
  expect(await stored()).toEqual(before);
  expect((await ines.call("POST", "/start", {})).status).toBe(201);
});

it("ends a sign-in whose refresh token may not be stored, and leaves no connection", async () => {
  const before = await stored();
  const { attemptId, returned } = await scene.goToMicrosoft(ines, ben);

  const response = await without("complete", "secretsmanager:CreateSecret", /refresh-tokens/, () =>
    ines.complete(returned),
  );

  expect(response.status).toBe(500);
  expect(await problemIn(response)).toMatchObject({ code: "internal_error", actor: "operator" });
  const { connections, secrets } = await stored();
  expect({ connections, secrets }).toEqual({
    connections: before.connections,
    secrets: before.secrets,
  });
  expect(await scene.attempt(ines, attemptId)).toMatchObject({
    status: "failed",
    problem: { code: "attempt_interrupted" },
  });
  await expect(scene.connect(ines, ben)).resolves.toMatchObject({ status: "connected" });
});

it("says a token is temporarily unavailable while it may not be stored, and changes nothing", async () => {
  const connection = await scene.connect(ines, ben);
  scene.stack.clock.advance(2 * 3600);
  const before = await stored();

  const answer = await without("token-fetch", "dynamodb:UpdateItem", /Connections/, () =>
    scene.fetchToken({ product: ines, connection }),
  );

  expect(refusedWith(answer)).toMatchObject({ code: "temporarily_unavailable", retryable: true });
  expect(await stored()).toEqual(before);
  served(await scene.fetchToken({ product: ines, connection }));
});

it("ends no connection that it may not bury, and all of them with the next call", async () => {
  await scene.connect(ines, ben);
  const person = { workspaceId: ines.workspaceId, userId: ines.personId };
  const before = await stored();

  const answer = await without("erase-connections", "dynamodb:PutItem", /Connections/, () =>
    scene.erase(person),
  );

  expect(answer).toMatchObject({
    ok: false,
    error: { code: "temporarily_unavailable", actor: "operator", retryable: true },
  });
  const { connections, secrets } = await stored();
  expect({ connections, secrets }).toEqual({
    connections: before.connections,
    secrets: before.secrets,
  });
  expect(await scene.erase(person)).toEqual({ ok: true, erased: 1 });
  expect(await scene.list(ines)).toEqual([]);
});

it("serves a token whose new refresh token may not be stored, and keeps the old one", async () => {
  const connection = await scene.connect(ines, ben);
  scene.stack.clock.advance(25 * 3600);
  const { vaultEntry, refreshTokenStoredAt } = await scene.tables.connection(connection.id);
  const kept = await scene.vault.read(String(vaultEntry));

  served(
    await without("token-fetch", "secretsmanager:PutSecretValue", /refresh-tokens/, () =>
      scene.fetchToken({ product: ines, connection }),
    ),
  );

  expect(await scene.vault.read(String(vaultEntry))).toBe(kept);
  expect(await scene.tables.connection(connection.id)).toMatchObject({ refreshTokenStoredAt });
});
