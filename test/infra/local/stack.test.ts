import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import * as z from "zod/mini";
import { signIn } from "../../../infra/local/microsoft/walk-sign-in.ts";
import { postCallback, signInToProduct } from "../../../infra/local/product-client.ts";
import { type LocalStack, startLocalStack } from "../../../infra/local/stack.ts";
import { fetchToken, tokenClient } from "../../../shared/worker/fetch-token.ts";

const connection = z.object({ id: z.string() });

let folder: string;
let stack: LocalStack;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "stack-"));
  stack = await startLocalStack({ folder });
});
afterAll(async () => {
  await stack.close();
  await rm(folder, { recursive: true });
});

it("sends a signed-in person to Microsoft with the address the API has here", async () => {
  const product = await signInToProduct(stack.origins, "user_ines");

  const { authorizationUrl } = await product.start();

  const { origin, searchParams } = new URL(authorizationUrl);
  expect(origin).toBe(stack.origins.microsoft);
  expect(searchParams.get("redirect_uri")).toBe(`${stack.origins.api}/callback`);
  expect((await fetch(authorizationUrl)).status).toBe(200);
});

it("knows strangers by the product's own signature", async () => {
  const response = await fetch(`${stack.origins.api}/connections`, {
    headers: { authorization: "Bearer nonsense", origin: stack.origins.webApp },
  });

  expect(response.status).toBe(401);
  expect(response.headers.get("access-control-allow-origin")).toBe(stack.origins.webApp);
});

it("lets a worker invoke token-fetch", async () => {
  const lambda = tokenClient({
    endpoint: stack.origins.lambda,
    region: stack.region,
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  });

  const answer = await fetchToken(
    {
      connectionId: `conn_${"x".repeat(22)}`,
      workspaceId: "ws_larkfield",
      run: { workflowId: "test", runId: "1" },
    },
    { lambda, functionName: stack.tokenFetchFunctionName },
  );

  lambda.destroy();
  expect(answer).toMatchObject({ ok: false, error: { code: "not_found" } });
});

it("runs the functions by the stack's clock", async () => {
  const product = await signInToProduct(stack.origins, "user_tomas");
  stack.clock.advance(30 * 86_400);

  const { expiresAt } = await product.start();

  expect(Date.parse(expiresAt)).toBeGreaterThan(stack.clock.now().getTime());
});

it("keeps a connected mailbox through a restart, and Microsoft still renews its token", async () => {
  const product = await signInToProduct(stack.origins, "user_leo");
  const { authorizationUrl } = await product.start();
  const form = await signIn(authorizationUrl, { username: "juno.hale@outlook.example" });
  if (!("action" in form)) throw new Error("Microsoft kept the person");
  const { returned } = await postCallback(form);
  if (!returned) throw new Error("the callback led nowhere");
  const { id } = connection.parse(await (await product.complete(returned)).json());

  await stack.close();
  stack = await startLocalStack({ folder, bundles: inject("bundles") });
  stack.clock.advance(2 * 3600);

  const lambda = tokenClient({
    endpoint: stack.origins.lambda,
    region: stack.region,
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  });
  const answer = await fetchToken(
    {
      connectionId: id,
      workspaceId: product.workspaceId,
      run: { workflowId: "test", runId: "1" },
    },
    { lambda, functionName: stack.tokenFetchFunctionName },
  );
  lambda.destroy();
  expect(answer).toMatchObject({ ok: true, degraded: false });
});

it("finds again what it kept in its folder", async () => {
  const before = await signInToProduct(stack.origins, "user_priya");
  const { attemptId } = await before.start();

  await stack.close();
  stack = await startLocalStack({ folder, bundles: inject("bundles") });

  const after = await signInToProduct(stack.origins, "user_priya");
  expect((await after.call("GET", `/attempts/${attemptId}`)).status).toBe(200);
});
