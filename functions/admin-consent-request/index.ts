import { dynamoDbAttempts } from "../../shared/adapters/dynamodb/authorization-attempts.ts";
import { openDynamoDb } from "../../shared/adapters/dynamodb/client.ts";
import { dynamoDbConnections } from "../../shared/adapters/dynamodb/connections.ts";
import { dynamoDbConsentRequests } from "../../shared/adapters/dynamodb/consent-requests.ts";
import { dynamoDbMailLedger } from "../../shared/adapters/dynamodb/mail-ledger.ts";
import { dynamoDbTenantConsents } from "../../shared/adapters/dynamodb/tenant-consents.ts";
import { isFreeMailDomain } from "../../shared/adapters/email-providers/free-mail.ts";
import { jweSealer } from "../../shared/adapters/jwe/sealer.ts";
import { microsoftTenants } from "../../shared/adapters/microsoft/tenants.ts";
import { openSecretReader } from "../../shared/adapters/secrets-manager/read-secret.ts";
import { secretsManagerVaultKeys } from "../../shared/adapters/secrets-manager/vault-keys.ts";
import { openSes, sesMailer } from "../../shared/adapters/ses/mailer.ts";
import { readEnv } from "../../shared/config.ts";
import { requestedScopeSet } from "../../shared/domain/permissions.ts";
import { logApprovalStep, logMailNotSent, logUnreadableItem } from "../../shared/logger.ts";
import { approvalRequestMail } from "../../shared/mails/approval-request.ts";
import { adminConsentRequestEnv } from "./env.ts";
import { adminConsentRequestHandler } from "./handler.ts";

const env = readEnv(adminConsentRequestEnv);
const now = () => new Date();
const dynamoDb = openDynamoDb();
const approval = { clientId: env.MICROSOFT_CLIENT_ID, scopeSet: requestedScopeSet };
const { MAIL_FROM: from, MAIL_CONFIGURATION_SET: configurationSet } = env;
const mailer = sesMailer(openSes(), { from, configurationSet }, logMailNotSent);

export const handler = adminConsentRequestHandler(env, {
  attempts: dynamoDbAttempts(dynamoDb, env.ATTEMPTS_TABLE),
  connections: dynamoDbConnections(dynamoDb, env.CONNECTIONS_TABLE),
  consents: dynamoDbTenantConsents(dynamoDb, env.TENANT_CONSENTS_TABLE, approval),
  requests: dynamoDbConsentRequests(dynamoDb, env.TENANT_CONSENTS_TABLE, approval),
  ledger: dynamoDbMailLedger(dynamoDb, env.TENANT_CONSENTS_TABLE),
  tenants: microsoftTenants(
    { authority: env.MICROSOFT_AUTHORITY, loginEndpoint: env.MICROSOFT_LOGIN_ENDPOINT },
    now,
  ),
  isFreeMailDomain,
  sealer: jweSealer(secretsManagerVaultKeys(openSecretReader(), env.SIGN_IN_KEYS_SECRET_ARN, now)),
  approvalUrl: (token) => new URL(`/admin-consent/${token.reveal()}`, env.API_URL),
  sendMail: ({ to, reference, ...mail }) =>
    mailer.send({
      to,
      reference,
      ...approvalRequestMail({ ...mail, supportEmail: env.SUPPORT_EMAIL }),
    }),
  noteStep: logApprovalStep,
  noteUnreadable: logUnreadableItem,
  now,
});
