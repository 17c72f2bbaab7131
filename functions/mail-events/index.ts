import { openDynamoDb } from "../../shared/adapters/dynamodb/client.ts";
import { dynamoDbConsentRequests } from "../../shared/adapters/dynamodb/consent-requests.ts";
import { dynamoDbMailLedger } from "../../shared/adapters/dynamodb/mail-ledger.ts";
import { readEnv } from "../../shared/config.ts";
import { requestedScopeSet } from "../../shared/domain/permissions.ts";
import { logUnreadableItem } from "../../shared/logger.ts";
import { mailEventsEnv } from "./env.ts";
import { mailEventsHandler } from "./handler.ts";

const env = readEnv(mailEventsEnv);
const dynamoDb = openDynamoDb();

export const handler = mailEventsHandler({
  ledger: dynamoDbMailLedger(dynamoDb, env.TENANT_CONSENTS_TABLE),
  requests: dynamoDbConsentRequests(dynamoDb, env.TENANT_CONSENTS_TABLE, {
    clientId: env.MICROSOFT_CLIENT_ID,
    scopeSet: requestedScopeSet,
  }),
  noteUnreadable: logUnreadableItem,
  now: () => new Date(),
});
