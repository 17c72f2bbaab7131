import type { IKey } from "aws-cdk-lib/aws-kms";
import { Alarms } from "../constructs/alarms.ts";
import { ApprovalMetrics } from "../constructs/approval-metrics.ts";
import type { PublicApi } from "../constructs/public-api.ts";
import type { RequestFunction } from "../constructs/request-function.ts";
import { credentialMeasured } from "./credentials.ts";
import type { ServiceFunctions } from "./functions.ts";
import type { ServiceContext } from "./service-context.ts";

/** That a function or the API breaks, whichever it is. */
const watchEverything = (alarms: Alarms, functions: ServiceFunctions, api: PublicApi) => {
  const endpoints: readonly RequestFunction[] = [
    functions.start,
    functions.attempts,
    functions.callback,
    functions.complete,
    functions.connections,
    functions.disconnect,
    functions.adminConsentRequest,
    functions.approvalStatus,
    functions.adminConsent,
    functions.adminConsentCallback,
  ];
  const workers: readonly RequestFunction[] = [
    functions.resumeWaiting,
    functions.mailEvents,
    functions.credentialExpiry,
    functions.keepAlive,
    functions.sweepVault,
    functions.eraseConnections,
    functions.requireSignIn,
    functions.rotateVaultKeys,
  ];
  for (const each of endpoints) alarms.watch(each.node.id, each, { atLeast: 3 });
  alarms.watch(functions.tokenFetch.node.id, functions.tokenFetch, { atLeast: 1 });
  for (const each of workers) alarms.watch(each.node.id, each, { atLeast: 1 });
  alarms.watchApi(api);
  // Every function answers what it did not expect, so for Lambda it is no error: only its log line tells.
  alarms.watchFailure(
    "internal_error",
    "A request met an error nobody was to expect: its log line names the place.",
    { of: [...endpoints, ...workers, functions.tokenFetch], atLeast: 1 },
  );
};

/** What goes wrong between the service and Microsoft, and no user can mend. */
const watchMicrosoft = (
  alarms: Alarms,
  { complete, adminConsentCallback, tokenFetch }: ServiceFunctions,
) => {
  alarms.watchFailure(
    "misconfigured",
    "Microsoft refuses what we ask: the app registration or a setting of the stage is wrong.",
    { of: [complete, adminConsentCallback, tokenFetch], atLeast: 1 },
  );
  alarms.watchFailure(
    "id_token_rejected",
    "An ID token was not what it says: somebody tampers, or the client id is wrong.",
    { of: [complete, adminConsentCallback], atLeast: 1 },
  );
  alarms.watchFailure(
    "id_token_nonce_mismatch",
    "Sign-ins come back with ID tokens of other sign-ins: somebody may be passing codes around.",
    { of: [complete, adminConsentCallback], atLeast: 5 },
  );
  alarms.watchFailure(
    "app_credential_rejected",
    "Microsoft refuses all credentials of the app: put a new one into ClientCredential.",
    { of: [complete, adminConsentCallback, tokenFetch], atLeast: 1 },
  );
  alarms.watchFailure(
    "app_refused",
    "Microsoft refuses the app, and no list says why: if it is more than one organisation, the app's credential or registration.",
    { of: [complete, adminConsentCallback, tokenFetch], atLeast: 10 },
  );
  alarms.watchFailure(
    "app_credential_fallback",
    "The best of the app's credentials does not work and another one does: correct it before that one ends.",
    { of: [complete, adminConsentCallback, tokenFetch], atLeast: 1 },
  );
};

/** What runs by itself: that it does not, and what it finds. */
const watchSchedules = (
  alarms: Alarms,
  { keepAlive, resumeWaiting, sweepVault, rotateVaultKeys, credentialExpiry }: ServiceFunctions,
) => {
  alarms.watchKeepAlive(keepAlive);
  alarms.watchNotices(resumeWaiting);
  alarms.watchSweep(sweepVault);
  alarms.watchFailure(
    "rotation_refused",
    "The vault keys are not rotated: what Secrets Manager asks for does not fit what it holds.",
    { of: [rotateVaultKeys], atLeast: 1 },
  );
  alarms.watchFailure(
    "sweep_refused",
    "So many refresh tokens seem to belong to no connection that none was erased: is it the right table?",
    { of: [sweepVault], atLeast: 1 },
  );
  alarms.watchCredential(credentialExpiry, credentialMeasured);
  alarms.watchRotation(credentialExpiry, credentialMeasured);
};

/** What a connection had and lost: its token, the key to it, the approval of its organisation, its own fields. */
const watchLosses = (alarms: Alarms, functions: ServiceFunctions) => {
  const { tokenFetch, connections, keepAlive, eraseConnections, requireSignIn } = functions;
  const { adminConsentRequest, mailEvents, resumeWaiting, sweepVault } = functions;
  alarms.watchFailure(
    "connection_unreadable",
    "What is stored of a connection was changed by hand: it is neither shown, kept alive nor erased until it is mended.",
    { of: [connections, keepAlive, eraseConnections, requireSignIn], atLeast: 1 },
  );
  alarms.watchFailure(
    "item_unreadable",
    "An item of a table was changed by hand: an approval, a request for one, or an entry of the vault waits until it is mended.",
    { of: [adminConsentRequest, mailEvents, resumeWaiting, sweepVault], atLeast: 1 },
  );
  alarms.watchFailure(
    "sealed_token_unreadable",
    "A stored token does not open: a token key is gone, or somebody has changed the table.",
    { of: [tokenFetch], atLeast: 1 },
  );
  alarms.watchFailure(
    "refresh_token_lost",
    "Connections name refresh tokens that are in no vault: somebody took them away, or a table was restored without them.",
    // One that nobody reconnects is looked for each day, and that is not to be told each day.
    { of: [tokenFetch], atLeast: 5 },
  );
  alarms.watchFailure(
    "tenant_consent_lost",
    "An organisation's approval is gone: its connections wait for its administrator.",
    { of: [tokenFetch], atLeast: 1 },
  );
};

/** Mail that is not sent, and what comes of it. */
const watchMail = (
  alarms: Alarms,
  { adminConsentRequest, resumeWaiting, mailEvents }: ServiceFunctions,
) => {
  alarms.watchFailure(
    "mail_refused",
    "Amazon SES refuses our mail: the sender is not verified, sending is paused, or a quota is used up.",
    { of: [adminConsentRequest, resumeWaiting], atLeast: 1 },
  );
  alarms.watchFailure(
    "mail_limit_of_all",
    "No administrator is mailed any more today: very many people ask, or somebody lets the service send.",
    { of: [adminConsentRequest], atLeast: 1 },
  );
  alarms.watchFailure(
    "mail_event_unreadable",
    "A bounce or a complaint was not understood, so nobody learns of it: Amazon SES tells of it in another form.",
    { of: [mailEvents], atLeast: 1 },
  );
  alarms.watchMailReputation();
};

/** Whether people can sign in, and browsers that bring what they should not. */
const watchSignIns = (
  alarms: Alarms,
  { start, callback, complete, adminConsentCallback }: ServiceFunctions,
) => {
  alarms.watchSignIns({ start, complete });
  alarms.watchStates(callback);
  alarms.watchFailure(
    "session_mismatch",
    "Sign-ins come back to other users than began them: somebody may be phishing.",
    { of: [complete], atLeast: 5 },
  );
  alarms.watchFailure(
    "redirect_refused",
    "Sign-ins come back with refusals of what we ask: the app registration is wrong, or somebody writes such addresses.",
    { of: [complete, adminConsentCallback], atLeast: 5 },
  );
};

/** What the operator is told before users notice, and how far approvals come. */
export const defineMonitoring = (
  { stack, stage, data, api }: ServiceContext,
  functions: ServiceFunctions,
  topicKey: IKey,
): void => {
  const alarms = new Alarms(stack, "Alarms", { stage, topicKey });
  watchEverything(alarms, functions, api);
  watchMicrosoft(alarms, functions);
  watchSchedules(alarms, functions);
  watchLosses(alarms, functions);
  watchSignIns(alarms, functions);
  watchMail(alarms, functions);
  alarms.watchFetches(functions.tokenFetch);
  alarms.watchKeys(data.key, [data.signInKeys, data.tokenKeys, data.clientCredential]);

  new ApprovalMetrics(stack, "ApprovalMetrics", {
    stage,
    steps: {
      blocked: [functions.attempts, functions.complete, functions.adminConsentRequest],
      requested: [functions.adminConsentRequest],
      mailed: [functions.adminConsentRequest],
      opened: [functions.adminConsent],
      reported: [functions.adminConsentCallback],
      verified: [functions.complete, functions.adminConsentCallback, functions.tokenFetch],
      lost: [functions.tokenFetch],
      resumed: [functions.resumeWaiting],
    },
  });
};
