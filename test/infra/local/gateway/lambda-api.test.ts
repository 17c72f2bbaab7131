import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  InvalidRequestContentException,
  InvokeCommand,
  type InvokeCommandInput,
  LambdaClient,
  RequestTooLargeException,
  ResourceNotFoundException,
  TooManyRequestsException,
} from "@aws-sdk/client-lambda";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Clock } from "../../../../infra/local/clock.ts";
import { type LambdaApi, startLambdaApi } from "../../../../infra/local/gateway/lambda-api.ts";
import { LambdaService } from "../../../../infra/local/gateway/lambda-service.ts";
import { fixtureFunctions } from "./fixture-functions.ts";

let folder: string;
let lambda: LambdaService;
let api: LambdaApi;
let client: LambdaClient;
const lines: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lambda-api-"));
  lambda = new LambdaService({
    functions: [
      ...(await fixtureFunctions(folder, {
        work: `exports.handler = async ({ fail, note }) => {
          if (note) console.log(note);
          if (fail) throw new RangeError("no");
          return { ok: true };
        }`,
      })),
      ...(await fixtureFunctions(
        folder,
        {
          single: `exports.handler = async ({ release, note }) => {
            const { existsSync } = require("node:fs");
            while (!existsSync(release)) await new Promise((done) => setTimeout(done, 5));
            if (note) console.log(note);
            return { ok: true };
          }`,
        },
        { reservedConcurrency: 1 },
      )),
    ],
    clock: new Clock(),
    onLog: (_, line) => lines.push(line),
  });
  api = await startLambdaApi({ lambda });
  client = new LambdaClient({
    endpoint: api.origin,
    region: "us-east-1",
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
    maxAttempts: 1,
  });
});
afterAll(async () => {
  client.destroy();
  await Promise.all([api.close(), lambda.close()]);
  await rm(folder, { recursive: true });
});

const invoke = async (event: unknown, more: Partial<InvokeCommandInput> = {}) => {
  const command = new InvokeCommand({
    FunctionName: "work",
    Payload: JSON.stringify(event),
    ...more,
  });
  const { Payload, StatusCode, FunctionError, ExecutedVersion } = await client.send(command);
  return { StatusCode, FunctionError, ExecutedVersion, payload: Payload?.transformToString() };
};

it.for([
  "work",
  "123456789012:function:work",
  "arn:aws:lambda:us-east-1:123456789012:function:work",
  "arn:aws:lambda:us-east-1:123456789012:function:work:live",
])("invokes %s", async (FunctionName) => {
  expect(await invoke({}, { FunctionName })).toEqual({
    StatusCode: 200,
    FunctionError: undefined,
    ExecutedVersion: "$LATEST",
    payload: `{"ok":true}`,
  });
});

it("reports an unhandled error as AWS does", async () => {
  const { StatusCode, FunctionError, payload = "" } = await invoke({ fail: true });

  expect({ StatusCode, FunctionError }).toEqual({ StatusCode: 200, FunctionError: "Unhandled" });
  expect(JSON.parse(payload)).toMatchObject({ errorType: "RangeError", errorMessage: "no" });
});

it("runs an event without waiting for it, and nothing on a dry run", async () => {
  const event = await invoke({ note: "from an event" }, { InvocationType: "Event" });
  const dryRun = await invoke({ note: "from a dry run" }, { InvocationType: "DryRun" });

  expect([event.StatusCode, dryRun.StatusCode]).toEqual([202, 204]);
  await expect.poll(() => lines).toContain("from an event");
  expect(lines).not.toContain("from a dry run");
});

it("turns away what the reserved concurrency has no room for as AWS does, and runs events later", async () => {
  const single = { FunctionName: "single" };
  const release = join(folder, "release");
  const running = lambda.invoke("single", JSON.stringify({ release }));

  const refused = await invoke({ release }, single).catch((error: unknown) => error);
  const event = await invoke(
    { release, note: "when there was room" },
    { ...single, InvocationType: "Event" },
  );
  await writeFile(release, "");
  await running;

  expect(refused).toBeInstanceOf(TooManyRequestsException);
  expect(refused).toMatchObject({
    $metadata: { httpStatusCode: 429 },
    Reason: "ReservedFunctionConcurrentInvocationLimitExceeded",
    Type: "User",
    message: "Rate Exceeded.",
  });
  expect(event.StatusCode).toBe(202);
  await expect.poll(() => lines).toContain("when there was room");
});

it.for([
  ["an unknown function", { FunctionName: "other" }, ResourceNotFoundException],
  ["a payload that is not JSON", { Payload: "{" }, InvalidRequestContentException],
  [
    "a payload above the limit",
    { Payload: `"${"x".repeat(6 * 1024 * 1024)}"` },
    RequestTooLargeException,
  ],
] as const)("refuses %s", async ([, input, exception]) => {
  await expect(invoke({}, input)).rejects.toBeInstanceOf(exception);
});

it("refuses a call without a signature", async () => {
  const response = await fetch(`${api.origin}/2015-03-31/functions/work/invocations`, {
    method: "POST",
    body: "{}",
  });

  expect(response.status).toBe(403);
});
