import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import {
  GetSecretValueCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";
import middy from "@middy/core";
import { findConnectionIn } from "./find-connection.ts";
import { type FetchEvent, msalFetch } from "./msal-fetch.ts";

/**
 * The literal reading: metadata in DynamoDB, tokens in Secrets Manager, msal's cache plugin between them, everything
 * loaded statically.
 */
const secrets = new SecretsManagerClient({});

const fetchToken = msalFetch({
  findConnection: findConnectionIn(new DynamoDBClient({})),
  cache: {
    get: async (key) =>
      (await secrets.send(new GetSecretValueCommand({ SecretId: key }))).SecretString ?? "",
    set: async (key, value) => {
      await secrets.send(new PutSecretValueCommand({ SecretId: key, SecretString: value }));
      return value;
    },
  },
});

export const handler = middy<FetchEvent>().handler((event) => fetchToken(event));
