import { type InvokeCommand, TooManyRequestsException } from "@aws-sdk/client-lambda";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import * as z from "zod/mini";
import { fetchToken, type TokenRequest, tokenClient } from "../../shared/worker/fetch-token.ts";
import { type Connected, openScene, type Scene, served } from "./scene.ts";

let scene: Scene;
beforeAll(async () => {
  scene = await openScene({ reservedConcurrency: { tokenFetch: 1, adminConsent: 1 } });
});
afterAll(() => scene?.close());
beforeEach(() => scene.newDay());

/** A worker that counts how often Lambda turns it away, and does not hide it by asking twice. */
const worker = () => {
  const client = tokenClient({
    endpoint: scene.stack.origins.lambda,
    region: scene.stack.region,
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
    maxAttempts: 1,
  });
  let timesTurnedAway = 0;
  const lambda = {
    send: async (command: InvokeCommand) => {
      try {
        return await client.send(command);
      } catch (error) {
        if (error instanceof TooManyRequestsException) timesTurnedAway += 1;
        throw error;
      }
    },
  };
  return {
    fetchToken: (request: TokenRequest, patience: { patienceSeconds?: number } = {}) =>
      fetchToken(request, { lambda, functionName: scene.stack.tokenFetchFunctionName }, patience),
    timesTurnedAway: () => timesTurnedAway,
    [Symbol.dispose]: () => client.destroy(),
  };
};

const requestFor = ({ connection, product }: Connected): TokenRequest => ({
  connectionId: connection.id,
  workspaceId: product.workspaceId,
  run: { workflowId: "newest-mail", runId: "run-1" },
});

const refreshes = () => scene.microsoft.report().calls["token.refresh_token"] ?? 0;

/** A mailbox for which token-fetch has been asked, and is at Microsoft. */
const slowlyRefreshed = async () => {
  const username = "ben.okafor@larkfield.example";
  const product = await scene.signedIn("user_ines");
  const mailbox = { product, username, connection: await scene.connect(product, { username }) };
  scene.stack.clock.advance(7200);
  scene.microsoft.fault({ endpoint: "token", fault: { kind: "delayed", milliseconds: 3_000 } });
  const before = refreshes();
  const first = scene.fetchToken(mailbox);
  await expect.poll(refreshes, { timeout: 10_000 }).toBe(before + 1);
  return { mailbox, first, before };
};

it("keeps a worker waiting, who gets its token nevertheless", async () => {
  const { mailbox, first, before } = await slowlyRefreshed();
  using patient = worker();

  const second = await patient.fetchToken(requestFor(mailbox));

  expect(served(second).text).toBe(served(await first).text);
  expect(patient.timesTurnedAway()).toBeGreaterThan(0);
  expect(refreshes()).toBe(before + 1);
});

it("is told to a worker with a queue of its own, who asks again later", async () => {
  const { mailbox, first } = await slowlyRefreshed();
  using impatient = worker();

  const refused = await impatient.fetchToken(requestFor(mailbox), { patienceSeconds: 0 });
  await first;
  const later = await impatient.fetchToken(requestFor(mailbox), { patienceSeconds: 0 });

  expect(refused).toMatchObject({
    ok: false,
    error: { code: "throttled", actor: "nobody", retryable: true, traceId: expect.any(String) },
  });
  served(later);
});

it("leaves mailboxes for the next run of the keep-alive, and none is forgotten", async () => {
  const product = await scene.signedIn("user_tomas");
  const mailboxes = await Promise.all(
    ["ada.whitlock", "ben.okafor", "clara.lindqvist"].map((name) =>
      scene.connect(product, { username: `${name}@larkfield.example` }),
    ),
  );
  // So that the first is not done before the others are asked for.
  scene.microsoft.fault({
    endpoint: "token",
    fault: { kind: "delayed", milliseconds: 500 },
    times: "always",
  });
  scene.stack.clock.advance(20 * 24 * 3600);
  const stillDue = async () => {
    const items = await Promise.all(mailboxes.map(({ id }) => scene.tables.connection(id)));
    const now = scene.stack.clock.now().toISOString();
    return items.filter(({ keepAliveAt }) => z.string().parse(keepAliveAt) <= now).length;
  };

  const left: number[] = [];
  do {
    await scene.stack.runSchedules();
    left.push(await stillDue());
    scene.stack.clock.advance(1800);
  } while (left.at(-1) !== 0 && left.length < 10);

  expect(left[0]).toBeGreaterThan(0);
  expect(left.at(-1)).toBe(0);
});

const approvalLink = async (): Promise<string> => {
  const product = await scene.signedIn("user_niall");
  const { attemptId, returned } = await scene.goToMicrosoft(product, {
    username: "niall.byrne@aldermoor.example",
    approval: "return",
  });
  await product.complete(returned);
  const asked = await product.call("POST", "/admin-consent-requests", { attemptId });
  return z.object({ approvalUrl: z.url() }).parse(await asked.json()).approvalUrl;
};

it("is a 503 to whoever opens a page, which is there the next time", async () => {
  const link = await approvalLink();

  const many = await Promise.all(Array.from({ length: 5 }, () => fetch(link)));
  const next = await fetch(link);

  const statuses = new Set(many.map(({ status }) => status));
  expect(statuses).toEqual(new Set([200, 503]));
  expect(await many.find(({ status }) => status === 503)?.json()).toEqual({
    message: "Service Unavailable",
  });
  expect(next.status).toBe(200);
  expect(await next.text()).toContain("Approve Appse AI for your organisation");
});
