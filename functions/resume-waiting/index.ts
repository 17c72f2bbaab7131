import { setTimeout as wait } from "node:timers/promises";
import { openDynamoDb } from "../../shared/adapters/dynamodb/client.ts";
import { dynamoDbConsentRequests } from "../../shared/adapters/dynamodb/consent-requests.ts";
import { dynamoDbMailLedger } from "../../shared/adapters/dynamodb/mail-ledger.ts";
import { dynamoDbTenantConsents } from "../../shared/adapters/dynamodb/tenant-consents.ts";
import { openSes, sesMailer } from "../../shared/adapters/ses/mailer.ts";
import { readEnv } from "../../shared/config.ts";
import { requestedScopeSet } from "../../shared/domain/permissions.ts";
import { logMailNotSent } from "../../shared/logger.ts";
import { approvalGrantedMail } from "../../shared/mails/approval-granted.ts";
import { resumeWaitingEnv } from "./env.ts";
import { resumeWaitingHandler } from "./handler.ts";

const env = readEnv(resumeWaitingEnv);
const dynamoDb = openDynamoDb();
const approval = { clientId: env.MICROSOFT_CLIENT_ID, scopeSet: requestedScopeSet };
const { MAIL_FROM: from, MAIL_CONFIGURATION_SET: configurationSet } = env;
const mailer = sesMailer(openSes(), { from, configurationSet }, logMailNotSent);

/** Ten mails a second at the most; an account out of the sandbox may send fourteen. */
const pauseMilliseconds = 100;

/**
 * The page that the person came from, or the first one if it is no longer listed, with word of why they come: in the
 * fragment, which stays in the browser.
 */
const productUrl = (returnTo: string): URL => {
  const [firstPage] = Object.values(env.RETURN_PAGES);
  const page = env.RETURN_PAGES[returnTo] ?? firstPage;
  if (!page) throw new Error("no return page is listed");
  const url = new URL(page);
  url.hash = "approval=granted";
  return url;
};

export const handler = resumeWaitingHandler({
  consents: dynamoDbTenantConsents(dynamoDb, env.TENANT_CONSENTS_TABLE, approval),
  requests: dynamoDbConsentRequests(dynamoDb, env.TENANT_CONSENTS_TABLE, approval),
  ledger: dynamoDbMailLedger(dynamoDb, env.TENANT_CONSENTS_TABLE),
  sendMail: ({ requester, returnTo, createdAt, tokenHash }) =>
    mailer.send({
      to: requester.email,
      reference: tokenHash,
      ...approvalGrantedMail({
        productUrl: productUrl(returnTo),
        askedAt: createdAt,
        supportEmail: env.SUPPORT_EMAIL,
      }),
    }),
  pause: async () => {
    await wait(pauseMilliseconds);
  },
  now: () => new Date(),
});
