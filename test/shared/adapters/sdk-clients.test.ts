import { GetItemCommand } from "@aws-sdk/client-dynamodb";
import { InvokeCommand } from "@aws-sdk/client-lambda";
import { GetSecretValueCommand } from "@aws-sdk/client-secrets-manager";
import { SendEmailCommand } from "@aws-sdk/client-sesv2";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from "vitest";
import { openDynamoDb } from "../../../shared/adapters/dynamodb/client.ts";
import { openLambda } from "../../../shared/adapters/lambda/token-fetch.ts";
import { openSecretsManager } from "../../../shared/adapters/secrets-manager/client.ts";
import { openSes } from "../../../shared/adapters/ses/mailer.ts";
import { tokenClient } from "../../../shared/worker/fetch-token.ts";
import { hurriedLimits } from "../../fakes/hurried-limits.ts";
import {
  type ScriptedServer,
  saySilence,
  startScriptedServer,
} from "../../fakes/scripted-server.ts";

let aws: ScriptedServer;
beforeAll(async () => {
  aws = await startScriptedServer();
});
afterAll(() => aws.close());
beforeEach(() => {
  aws.script(saySilence);
  vi.stubEnv("AWS_REGION", "eu-west-1");
  vi.stubEnv("AWS_ACCESS_KEY_ID", "local");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "local");
  vi.stubEnv("AWS_ENDPOINT_URL", aws.origin.origin);
});
afterEach(() => {
  vi.unstubAllEnvs();
});

const clients = [
  {
    service: "DynamoDB",
    tries: 3,
    requestMilliseconds: 2_000,
    ask: () => openDynamoDb().send(new GetItemCommand({ TableName: "table", Key: {} })),
  },
  {
    service: "Secrets Manager",
    tries: 3,
    requestMilliseconds: 3_000,
    ask: () => openSecretsManager().send(new GetSecretValueCommand({ SecretId: "secret" })),
  },
  {
    service: "Secrets Manager, for who cannot wait so long,",
    tries: 2,
    requestMilliseconds: 1_400,
    ask: () =>
      openSecretsManager({ tries: 2, tryMilliseconds: 1_400 }).send(
        new GetSecretValueCommand({ SecretId: "secret" }),
      ),
  },
  {
    service: "Lambda",
    tries: 1,
    requestMilliseconds: 28_000,
    ask: () => openLambda().send(new InvokeCommand({ FunctionName: "function" })),
  },
  {
    service: "Lambda, for a worker,",
    tries: 2,
    requestMilliseconds: 30_000,
    ask: () => tokenClient().send(new InvokeCommand({ FunctionName: "function" })),
  },
  {
    service: "Amazon SES",
    tries: 1,
    requestMilliseconds: 5_000,
    ask: () => openSes().send(new SendEmailCommand({ Content: {} })),
  },
] as const;

it.for(clients)(
  "a call of $service that is never answered ends by itself; it is tried $tries times at the most",
  { timeout: 10_000 },
  async ({ ask, tries, requestMilliseconds }) => {
    const limits = hurriedLimits();

    await expect(ask()).rejects.toThrow(expect.objectContaining({ name: "TimeoutError" }));

    expect(aws.requests).toHaveLength(tries);
    // The SDK counts two seconds in two parts.
    const toConnect = 1_000;
    expect(limits).toEqual(expect.arrayContaining([toConnect, requestMilliseconds]));
  },
);
