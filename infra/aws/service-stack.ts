import { HttpMethod } from "aws-cdk-lib/aws-apigatewayv2";
import { Rule, type RuleProps, Schedule } from "aws-cdk-lib/aws-events";
import { LambdaFunction as LambdaTarget } from "aws-cdk-lib/aws-events-targets";
import {
  ArnPrincipal,
  ManagedPolicy,
  PolicyStatement,
  ServicePrincipal,
} from "aws-cdk-lib/aws-iam";
import { Key } from "aws-cdk-lib/aws-kms";
import { CfnRotationSchedule } from "aws-cdk-lib/aws-secretsmanager";
import {
  ArnFormat,
  Aws,
  CfnOutput,
  Duration,
  Stack,
  type StackProps,
  Validations,
} from "aws-cdk-lib/core";
import type { Construct } from "constructs";
import type { AdminConsentEnv } from "../../functions/admin-consent/env.ts";
import type { AdminConsentCallbackEnv } from "../../functions/admin-consent-callback/env.ts";
import type { AdminConsentRequestEnv } from "../../functions/admin-consent-request/env.ts";
import type { ApprovalStatusEnv } from "../../functions/approval-status/env.ts";
import type { AttemptsEnv } from "../../functions/attempts/env.ts";
import type { CallbackEnv } from "../../functions/callback/env.ts";
import type { CompleteEnv } from "../../functions/complete/env.ts";
import type { ConnectionsEnv } from "../../functions/connections/env.ts";
import type { CredentialExpiryEnv } from "../../functions/credential-expiry/env.ts";
import type { DisconnectEnv } from "../../functions/disconnect/env.ts";
import type { EraseConnectionsEnv } from "../../functions/erase-connections/env.ts";
import type { KeepAliveEnv } from "../../functions/keep-alive/env.ts";
import type { MailEventsEnv } from "../../functions/mail-events/env.ts";
import type { RequireSignInEnv } from "../../functions/require-sign-in/env.ts";
import type { ResumeWaitingEnv } from "../../functions/resume-waiting/env.ts";
import type { RotateVaultKeysEnv } from "../../functions/rotate-vault-keys/env.ts";
import type { StartEnv } from "../../functions/start/env.ts";
import type { SweepVaultEnv } from "../../functions/sweep-vault/env.ts";
import type { TokenFetchEnv } from "../../functions/token-fetch/env.ts";
import { Alarms } from "./constructs/alarms.ts";
import { AppCredential } from "./constructs/app-credential.ts";
import { ApprovalMetrics } from "./constructs/approval-metrics.ts";
import { MailService } from "./constructs/mail-service.ts";
import { PublicApi } from "./constructs/public-api.ts";
import { operationsRemovalPolicy } from "./constructs/removal-policy.ts";
import { RequestFunction, type RequestFunctionProps } from "./constructs/request-function.ts";
import { byKeepAlive, byNotice, byOwner, type DataStack } from "./data-stack.ts";
import type { Stage } from "./stages.ts";

/** Where Microsoft sends people back to. */
const callbackPath = "/callback";
/** Where it sends administrators back to, from their approval and from the sign-in that proves who they are. */
const adminConsentCallbackPath = "/admin-consent-callback";

/** How often the end of the app's credential is looked at. */
const credentialMeasured = Duration.hours(12);

/** Whatever a vault key seals is gone, or sealed anew, long before the last of the former keys is. */
const vaultKeysRotatedEvery = Duration.days(30);

/** How often connections that nobody uses are looked through. */
const keptAliveEvery = Duration.minutes(30);

const microsoftsBrowsers =
  "is where Microsoft sends browsers, which carry no sign-in of the product; it trusts nothing but a state that was given out.";

export interface ServiceStackProps extends StackProps {
  readonly data: DataStack;
  /** Holds a folder of bundled code for each function. */
  readonly bundles: string;
}

/** What each deployment replaces: the API, its functions with their permissions, and the alarms. */
export class ServiceStack extends Stack {
  constructor(
    scope: Construct,
    id: string,
    stage: Stage,
    { data, bundles, ...props }: ServiceStackProps,
  ) {
    super(scope, id, props);
    const { product, microsoft, reservedConcurrency } = stage;
    // Of the vault that is not chosen, tokens are only taken away.
    const isTable = stage.tokenVault === "table";
    const operationsKey = this.#operationsKey(stage);
    const api = new PublicApi(this, "Api", { stage, logKey: operationsKey });

    const define = (
      resourceId: string,
      props: Omit<RequestFunctionProps, "stage" | "bundles" | "logKey">,
    ) => new RequestFunction(this, resourceId, { ...props, stage, bundles, logKey: operationsKey });

    // Settings, by what they tell of.
    const productClaims = {
      USER_CLAIM: product.claims.user,
      WORKSPACE_CLAIM: product.claims.workspace,
    };
    const productPerson = {
      ...productClaims,
      EMAIL_CLAIM: product.claims.email,
      ...(product.claims.emailVerified && {
        EMAIL_VERIFIED_CLAIM: product.claims.emailVerified,
      }),
      NAME_CLAIM: product.claims.name,
      WORKSPACE_NAME_CLAIM: product.claims.workspaceName,
    };
    const allowedOrigins = { ALLOWED_ORIGINS: product.origins.join(",") };
    const returnPages = { RETURN_PAGES: JSON.stringify(product.returnPages) };
    const authority = {
      MICROSOFT_AUTHORITY: microsoft.authority,
      MICROSOFT_LOGIN_ENDPOINT: microsoft.loginEndpoint,
      MICROSOFT_CLIENT_ID: microsoft.clientId,
    };
    const personalAccounts = { PERSONAL_ACCOUNTS: microsoft.personalAccounts };
    const graph = { GRAPH_ENDPOINT: microsoft.graphEndpoint };
    const redirect = { REDIRECT_URI: `${api.url}${callbackPath}` };
    const adminConsentRedirect = {
      ADMIN_CONSENT_REDIRECT_URI: `${api.url}${adminConsentCallbackPath}`,
    };
    const apiUrl = { API_URL: api.url };
    const client = { MICROSOFT_CLIENT_ID: microsoft.clientId };
    const mailService = new MailService(this, "Mail", stage);
    const mail = {
      MAIL_FROM: mailService.from,
      MAIL_CONFIGURATION_SET: mailService.configurationSet,
    };
    const support = { SUPPORT_EMAIL: product.supportEmail };
    const tenantConsents = { TENANT_CONSENTS_TABLE: data.tenantConsents.tableName };
    const attempts = { ATTEMPTS_TABLE: data.attempts.tableName };
    const connections = { CONNECTIONS_TABLE: data.connections.tableName };
    const signInKeys = { SIGN_IN_KEYS_SECRET_ARN: data.signInKeys.arn };
    const tokenKeys = { TOKEN_KEYS_SECRET_ARN: data.tokenKeys.arn };
    const appCredential = new AppCredential(stage, data.clientCredential);
    const clientCredential = appCredential.environment;
    const refreshTokens = { REFRESH_TOKENS_TABLE: data.refreshTokenItems.tableName };
    const tokenVault = {
      ...refreshTokens,
      TOKEN_VAULT: stage.tokenVault,
      TOKEN_VAULT_PREFIX: data.refreshTokens.prefix,
      TOKEN_VAULT_KEY_ARN: data.refreshTokens.key.keyArn,
    };

    const start = define("Start", {
      name: "start",
      description: "POST /start: begins an attempt to connect a mailbox",
      timeoutSeconds: 10,
      environment: {
        ...allowedOrigins,
        ...attempts,
        ...connections,
        ...authority,
        ...personalAccounts,
        ...productPerson,
        ...redirect,
        ...adminConsentRedirect,
        ...returnPages,
        ...tenantConsents,
        ...signInKeys,
      } satisfies StartEnv,
    });
    api.route(HttpMethod.POST, "/start", start);
    data.tenantConsents.grant(start, "dynamodb:GetItem");
    data.attempts.grant(start, "dynamodb:PutItem");
    data.connections.grant(start, "dynamodb:GetItem");
    data.connections.grantQuery(start, byOwner);
    data.signInKeys.grantRead(start);

    const attempt = define("AttemptStatus", {
      name: "attempts",
      description: "GET /attempts/{attemptId}: tells a waiting page how an attempt stands",
      timeoutSeconds: 10,
      environment: {
        ...attempts,
        ...authority,
        ...productPerson,
        ...tenantConsents,
      } satisfies AttemptsEnv,
    });
    api.route(HttpMethod.GET, "/attempts/{attemptId}", attempt);
    data.attempts.grant(attempt, "dynamodb:GetItem");
    data.tenantConsents.grant(attempt, "dynamodb:GetItem", "dynamodb:PutItem");

    const callback = define("Callback", {
      name: "callback",
      description: "POST /callback: parks Microsoft's answer until its user is known again",
      timeoutSeconds: 10,
      environment: {
        ...attempts,
        MICROSOFT_AUTHORITY: microsoft.authority,
        ...returnPages,
        ...signInKeys,
      } satisfies CallbackEnv,
      ...(reservedConcurrency.callback && { reservedConcurrency: reservedConcurrency.callback }),
    });
    api.publicRoute(
      HttpMethod.POST,
      callbackPath,
      callback,
      stage.throttling.callback,
      microsoftsBrowsers,
    );
    data.attempts.grant(callback, "dynamodb:GetItem", "dynamodb:UpdateItem");
    data.signInKeys.grantRead(callback);

    const complete = define("Complete", {
      name: "complete",
      description: "POST /complete: redeems the code and stores the connection",
      timeoutSeconds: 26,
      environment: {
        ...allowedOrigins,
        ...attempts,
        ...clientCredential,
        ...connections,
        ...graph,
        ...authority,
        ...personalAccounts,
        ...productPerson,
        ...redirect,
        ...tenantConsents,
        ...tokenVault,
        ...signInKeys,
        ...tokenKeys,
      } satisfies CompleteEnv,
      ...(reservedConcurrency.complete && { reservedConcurrency: reservedConcurrency.complete }),
    });
    api.route(HttpMethod.POST, "/complete", complete);
    data.attempts.grant(complete, "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:UpdateItem");
    data.connections.grant(complete, "dynamodb:GetItem", "dynamodb:PutItem");
    data.tenantConsents.grant(
      complete,
      "dynamodb:GetItem",
      "dynamodb:PutItem",
      "dynamodb:UpdateItem",
    );
    data.signInKeys.grantRead(complete);
    data.tokenKeys.grantRead(complete);
    appCredential.grant(complete);
    data.refreshTokens.grant(
      complete,
      ...(isTable ? [] : ["secretsmanager:CreateSecret"]),
      "secretsmanager:DeleteSecret",
    );
    data.refreshTokenItems.grant(
      complete,
      "dynamodb:DeleteItem",
      ...(isTable ? ["dynamodb:PutItem"] : []),
    );

    const connected = define("Connections", {
      name: "connections",
      description: "GET /connections: lists a user's mailboxes, or shows one",
      timeoutSeconds: 10,
      environment: {
        ...client,
        ...connections,
        ...productClaims,
        ...tenantConsents,
      } satisfies ConnectionsEnv,
    });
    api.route(HttpMethod.GET, "/connections", connected);
    api.route(HttpMethod.GET, "/connections/{connectionId}", connected);
    data.connections.grant(connected, "dynamodb:GetItem");
    data.connections.grantQuery(connected, byOwner);
    data.tenantConsents.grant(connected, "dynamodb:GetItem");

    const disconnect = define("Disconnect", {
      name: "disconnect",
      description: "DELETE /connections/{connectionId}: disconnects a mailbox and erases its token",
      timeoutSeconds: 10,
      environment: {
        ...allowedOrigins,
        ...connections,
        ...productClaims,
        ...refreshTokens,
      } satisfies DisconnectEnv,
    });
    api.route(HttpMethod.DELETE, "/connections/{connectionId}", disconnect);
    data.connections.grant(disconnect, "dynamodb:GetItem", "dynamodb:PutItem");
    data.refreshTokens.grant(disconnect, "secretsmanager:DeleteSecret");
    data.refreshTokenItems.grant(disconnect, "dynamodb:DeleteItem");

    const tokenFetch = define("TokenFetch", {
      name: "token-fetch",
      description: "Invoked by workflow workers: answers with a fresh Microsoft Graph token",
      timeoutSeconds: 25,
      environment: {
        ...clientCredential,
        ...connections,
        ...graph,
        ...authority,
        ...tenantConsents,
        ...tokenVault,
        ...tokenKeys,
        IDLE_CONNECTIONS_END_AFTER_DAYS: String(stage.idleConnectionsEndAfterDays),
      } satisfies TokenFetchEnv,
      ...(reservedConcurrency.tokenFetch && {
        reservedConcurrency: reservedConcurrency.tokenFetch,
      }),
    });
    data.connections.grant(tokenFetch, "dynamodb:GetItem", "dynamodb:UpdateItem");
    data.tenantConsents.grant(tokenFetch, "dynamodb:GetItem", "dynamodb:PutItem");
    data.tokenKeys.grantRead(tokenFetch);
    appCredential.grant(tokenFetch);
    data.refreshTokens.grant(
      tokenFetch,
      ...(isTable ? [] : ["secretsmanager:CreateSecret", "secretsmanager:PutSecretValue"]),
      "secretsmanager:DeleteSecret",
      "secretsmanager:GetSecretValue",
    );
    data.refreshTokenItems.grant(
      tokenFetch,
      "dynamodb:DeleteItem",
      "dynamodb:GetItem",
      ...(isTable ? ["dynamodb:PutItem", "dynamodb:UpdateItem"] : []),
    );

    const approvalRequest = define("AdminConsentRequest", {
      name: "admin-consent-request",
      description: "POST /admin-consent-requests: asks an administrator to approve",
      timeoutSeconds: 20,
      environment: {
        ...allowedOrigins,
        ...apiUrl,
        ...attempts,
        ...authority,
        ...connections,
        ...mail,
        ...productPerson,
        ...returnPages,
        ...support,
        ...tenantConsents,
        ...signInKeys,
      } satisfies AdminConsentRequestEnv,
    });
    api.route(HttpMethod.POST, "/admin-consent-requests", approvalRequest);
    data.attempts.grant(approvalRequest, "dynamodb:GetItem");
    data.connections.grant(approvalRequest, "dynamodb:GetItem");
    data.tenantConsents.grant(
      approvalRequest,
      "dynamodb:GetItem",
      "dynamodb:PutItem",
      "dynamodb:Query",
      "dynamodb:UpdateItem",
    );
    data.signInKeys.grantRead(approvalRequest);
    mailService.grantSend(approvalRequest);

    const approvalStatus = define("ApprovalStatus", {
      name: "approval-status",
      description: "GET /admin-consent-requests: tells a waiting page how an approval stands",
      timeoutSeconds: 10,
      environment: {
        ...authority,
        ...connections,
        ...productPerson,
        ...tenantConsents,
      } satisfies ApprovalStatusEnv,
    });
    api.route(HttpMethod.GET, "/admin-consent-requests", approvalStatus);
    data.connections.grant(approvalStatus, "dynamodb:GetItem");
    data.tenantConsents.grant(approvalStatus, "dynamodb:GetItem");

    const adminConsent = define("AdminConsent", {
      name: "admin-consent",
      description: "GET /admin-consent/{token}: shows an administrator what they are asked for",
      timeoutSeconds: 10,
      environment: {
        ...adminConsentRedirect,
        ...authority,
        ...support,
        ...tenantConsents,
      } satisfies AdminConsentEnv,
      ...(reservedConcurrency.adminConsent && {
        reservedConcurrency: reservedConcurrency.adminConsent,
      }),
    });
    api.publicRoute(
      HttpMethod.GET,
      "/admin-consent/{token}",
      adminConsent,
      stage.throttling.callback,
      "is what an administrator opens who need not be a user of the product; it shows a request to whoever holds its link, and changes nothing.",
    );
    data.tenantConsents.grant(adminConsent, "dynamodb:GetItem", "dynamodb:Query");

    const adminConsentCallback = define("AdminConsentCallback", {
      name: "admin-consent-callback",
      description: "Records what an administrator decided at Microsoft, and proves who it was",
      timeoutSeconds: 26,
      environment: {
        ...adminConsentRedirect,
        ...attempts,
        ...authority,
        ...clientCredential,
        ...redirect,
        ...returnPages,
        ...tenantConsents,
        ...signInKeys,
      } satisfies AdminConsentCallbackEnv,
      ...(reservedConcurrency.adminConsentCallback && {
        reservedConcurrency: reservedConcurrency.adminConsentCallback,
      }),
    });
    for (const method of [HttpMethod.GET, HttpMethod.POST]) {
      api.publicRoute(
        method,
        adminConsentCallbackPath,
        adminConsentCallback,
        stage.throttling.callback,
        microsoftsBrowsers,
      );
    }
    data.attempts.grant(adminConsentCallback, "dynamodb:GetItem", "dynamodb:UpdateItem");
    data.tenantConsents.grant(
      adminConsentCallback,
      "dynamodb:GetItem",
      "dynamodb:PutItem",
      "dynamodb:UpdateItem",
    );
    data.signInKeys.grantRead(adminConsentCallback);
    appCredential.grant(adminConsentCallback);

    const resumeWaiting = define("ResumeWaiting", {
      name: "resume-waiting",
      description: "Each minute: tells those who waited that their organisation has approved",
      timeoutSeconds: 60,
      environment: {
        ...client,
        ...mail,
        ...returnPages,
        ...tenantConsents,
      } satisfies ResumeWaitingEnv,
    });
    data.tenantConsents.grant(
      resumeWaiting,
      "dynamodb:GetItem",
      "dynamodb:Query",
      "dynamodb:UpdateItem",
    );
    data.tenantConsents.grantQuery(resumeWaiting, byNotice);
    mailService.grantSend(resumeWaiting);
    this.#invoke("EachMinute", resumeWaiting, {
      description: "Tells those who waited for an approval that it is there.",
      schedule: Schedule.rate(Duration.minutes(1)),
    });

    const mailEvents = define("MailEvents", {
      name: "mail-events",
      description: "Bounces and complaints: sends nothing more there, and lets the person know",
      timeoutSeconds: 30,
      environment: { ...client, ...tenantConsents } satisfies MailEventsEnv,
      asynchronous: { retries: 2, maxEventAgeSeconds: 6 * 3600 },
    });
    data.tenantConsents.grant(
      mailEvents,
      "dynamodb:GetItem",
      "dynamodb:PutItem",
      "dynamodb:Query",
      "dynamodb:UpdateItem",
    );
    this.#invoke("MailEventRule", mailEvents, {
      description: "Mail that did not arrive or was not wanted.",
      eventPattern: mailService.events,
    });

    const keepAlive = define("KeepAlive", {
      name: "keep-alive",
      description:
        "Twice an hour: has connections refreshed that nobody has used for a week or two",
      timeoutSeconds: 300,
      environment: {
        ...connections,
        TOKEN_FETCH_FUNCTION: tokenFetch.lambda.functionName,
      } satisfies KeepAliveEnv,
      ...(reservedConcurrency.keepAlive && { reservedConcurrency: reservedConcurrency.keepAlive }),
    });
    data.connections.grantQuery(keepAlive, byKeepAlive);
    keepAlive.role.addToPolicy(
      new PolicyStatement({
        actions: ["lambda:InvokeFunction"],
        resources: [tokenFetch.lambda.functionArn],
      }),
    );
    this.#invoke("TwiceAnHour", keepAlive, {
      description: "Refreshes connections that nobody uses, long before Microsoft forgets them.",
      schedule: Schedule.rate(keptAliveEvery),
    });

    const sweepVault = define("SweepVault", {
      name: "sweep-vault",
      description: "Each hour: erases refresh tokens that no connection names",
      timeoutSeconds: 300,
      environment: {
        ...connections,
        ...refreshTokens,
        TOKEN_VAULT_PREFIX: data.refreshTokens.prefix,
      } satisfies SweepVaultEnv,
    });
    data.connections.grant(sweepVault, "dynamodb:GetItem");
    data.refreshTokenItems.grant(sweepVault, "dynamodb:DeleteItem", "dynamodb:Scan");
    data.refreshTokens.grant(sweepVault, "secretsmanager:DeleteSecret");
    data.refreshTokens.grantList(sweepVault);
    this.#invoke("EachHour", sweepVault, {
      description: "Erases refresh tokens that no connection names.",
      schedule: Schedule.rate(Duration.hours(1)),
    });

    const eraseConnections = define("EraseConnections", {
      name: "erase-connections",
      description:
        "Invoked by the product's back end: ends the connections of a person or a workspace",
      // Short of the minute after which the AWS CLI gives up and asks again.
      timeoutSeconds: 50,
      environment: {
        ...attempts,
        ...client,
        ...connections,
        ...refreshTokens,
        ...tenantConsents,
      } satisfies EraseConnectionsEnv,
    });
    data.attempts.grant(eraseConnections, "dynamodb:DeleteItem", "dynamodb:GetItem");
    data.connections.grant(
      eraseConnections,
      "dynamodb:GetItem",
      "dynamodb:PutItem",
      "dynamodb:Scan",
    );
    data.connections.grantQuery(eraseConnections, byOwner);
    data.tenantConsents.grant(eraseConnections, "dynamodb:DeleteItem", "dynamodb:GetItem");
    data.refreshTokens.grant(eraseConnections, "secretsmanager:DeleteSecret");
    data.refreshTokenItems.grant(eraseConnections, "dynamodb:DeleteItem");

    const requireSignIn = define("RequireSignIn", {
      name: "require-sign-in",
      description: "Invoked by operators: deletes the tokens of many, who then sign in again",
      // Short of the minute after which the AWS CLI gives up and asks again.
      timeoutSeconds: 50,
      environment: { ...connections, ...refreshTokens } satisfies RequireSignInEnv,
    });
    data.connections.grant(
      requireSignIn,
      "dynamodb:GetItem",
      "dynamodb:Scan",
      "dynamodb:UpdateItem",
    );
    data.refreshTokens.grant(requireSignIn, "secretsmanager:DeleteSecret");
    data.refreshTokenItems.grant(requireSignIn, "dynamodb:DeleteItem");

    const credentialExpiry = define("CredentialExpiry", {
      name: "credential-expiry",
      description:
        "Twice a day: tells how long the app's credential at Microsoft will last, and how old the vault keys are",
      timeoutSeconds: 30,
      environment: {
        ...clientCredential,
        ...signInKeys,
        ...tokenKeys,
      } satisfies CredentialExpiryEnv,
    });
    data.clientCredential.grantRead(credentialExpiry);
    data.signInKeys.grantDescribe(credentialExpiry);
    data.tokenKeys.grantDescribe(credentialExpiry);
    this.#invoke("TwiceADay", credentialExpiry, {
      description:
        "Measures how long the app's credential at Microsoft will last, and how old the vault keys are.",
      schedule: Schedule.rate(credentialMeasured),
    });

    const rotateVaultKeys = define("RotateVaultKeys", {
      name: "rotate-vault-keys",
      description: "Invoked by Secrets Manager: makes a new vault key and keeps the former ones",
      timeoutSeconds: 30,
      environment: { ...signInKeys, ...tokenKeys } satisfies RotateVaultKeysEnv,
    });
    for (const secret of [data.signInKeys, data.tokenKeys]) {
      secret.grantRotation(rotateVaultKeys);
      rotateVaultKeys.lambda.addPermission(secret.node.id, {
        principal: new ServicePrincipal("secretsmanager.amazonaws.com"),
        sourceAccount: Aws.ACCOUNT_ID,
        sourceArn: secret.arn,
      });
      const rotation = new CfnRotationSchedule(this, `${secret.node.id}Rotation`, {
        secretId: secret.arn,
        rotationLambdaArn: rotateVaultKeys.lambda.functionArn,
        rotateImmediatelyOnUpdate: false,
        rotationRules: { automaticallyAfterDays: vaultKeysRotatedEvery.toDays() },
      });
      // Secrets Manager tries whether it may invoke the function, and whether that may do its work.
      rotation.node.addDependency(rotateVaultKeys.lambda, rotateVaultKeys.role);
    }

    const workerInvoke = new ManagedPolicy(this, "WorkerInvokePolicy", {
      description:
        "For the roles of workflow workers: may ask for Outlook tokens, and nothing else",
      statements: [
        new PolicyStatement({
          actions: ["lambda:InvokeFunction"],
          resources: [tokenFetch.lambda.functionArn],
        }),
      ],
    });

    const eraseInvoke = new ManagedPolicy(this, "EraseInvokePolicy", {
      description:
        "For the role of the product's back end: may end Outlook connections, and nothing else",
      statements: [
        new PolicyStatement({
          actions: ["lambda:InvokeFunction"],
          resources: [eraseConnections.lambda.functionArn],
        }),
      ],
    });

    const invokers = [
      ["Worker", stage.workerRoles, tokenFetch],
      ["BackEnd", stage.backEndRoles, eraseConnections],
    ] as const;
    for (const [kind, roles = [], { lambda }] of invokers) {
      for (const role of roles) {
        lambda.addPermission(`${kind} ${role}`, {
          principal: new ArnPrincipal(role),
          action: "lambda:InvokeFunction",
        });
      }
    }

    const alarms = new Alarms(this, "Alarms", { stage, topicKey: operationsKey });
    const endpoints = [
      start,
      attempt,
      callback,
      complete,
      connected,
      disconnect,
      approvalRequest,
      approvalStatus,
      adminConsent,
      adminConsentCallback,
    ];
    const workers = [
      resumeWaiting,
      mailEvents,
      credentialExpiry,
      keepAlive,
      sweepVault,
      eraseConnections,
      requireSignIn,
      rotateVaultKeys,
    ];
    for (const each of endpoints) alarms.watch(each.node.id, each, { atLeast: 3 });
    alarms.watch(tokenFetch.node.id, tokenFetch, { atLeast: 1 });
    for (const each of workers) alarms.watch(each.node.id, each, { atLeast: 1 });
    alarms.watchApi(api);
    // Every function answers what it did not expect, so for Lambda it is no error: only its log line tells.
    alarms.watchFailure(
      "internal_error",
      "A request met an error nobody was to expect: its log line names the place.",
      { of: [...endpoints, ...workers, tokenFetch], atLeast: 1 },
    );
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
    alarms.watchFailure(
      "mail_refused",
      "Amazon SES refuses our mail: the sender is not verified, sending is paused, or a quota is used up.",
      { of: [approvalRequest, resumeWaiting], atLeast: 1 },
    );
    alarms.watchFailure(
      "redirect_refused",
      "Sign-ins come back with refusals of what we ask: the app registration is wrong, or somebody writes such addresses.",
      { of: [complete, adminConsentCallback], atLeast: 5 },
    );
    alarms.watchFailure(
      "mail_limit_of_all",
      "No administrator is mailed any more today: very many people ask, or somebody lets the service send.",
      { of: [approvalRequest], atLeast: 1 },
    );
    alarms.watchFailure(
      "mail_event_unreadable",
      "A bounce or a complaint was not understood, so nobody learns of it: Amazon SES tells of it in another form.",
      { of: [mailEvents], atLeast: 1 },
    );
    alarms.watchFailure(
      "session_mismatch",
      "Sign-ins come back to other users than began them: somebody may be phishing.",
      { of: [complete], atLeast: 5 },
    );
    alarms.watchStates(callback);
    alarms.watchFetches(tokenFetch);
    alarms.watchMailReputation();
    alarms.watchKeys(data.key, [data.signInKeys, data.tokenKeys, data.clientCredential]);

    new ApprovalMetrics(this, "ApprovalMetrics", {
      stage,
      steps: {
        blocked: [attempt, complete, approvalRequest],
        requested: [approvalRequest],
        mailed: [approvalRequest],
        opened: [adminConsent],
        reported: [adminConsentCallback],
        verified: [complete, adminConsentCallback, tokenFetch],
        lost: [tokenFetch],
        resumed: [resumeWaiting],
      },
    });

    new CfnOutput(this, "ApiUrl", { value: api.url });
    new CfnOutput(this, "RedirectUri", {
      description: "Register it at Microsoft to the letter, platform Web",
      value: redirect.REDIRECT_URI,
    });
    new CfnOutput(this, "AdminConsentRedirectUri", {
      description: "Register it beside the other one",
      value: adminConsentRedirect.ADMIN_CONSENT_REDIRECT_URI,
    });
    new CfnOutput(this, "FederatedCredentialSubjects", {
      description: "One federated credential of the app registration for each of these roles",
      value: appCredential.subjects.join(" "),
    });
    new CfnOutput(this, "TokenFetchFunctionName", { value: tokenFetch.lambda.functionName });
    new CfnOutput(this, "TokenFetchFunctionArn", {
      description: "What workers in other accounts call it by",
      value: tokenFetch.lambda.functionArn,
    });
    new CfnOutput(this, "WorkerInvokePolicyArn", { value: workerInvoke.managedPolicyArn });
    new CfnOutput(this, "EraseConnectionsFunctionName", {
      value: eraseConnections.lambda.functionName,
    });
    new CfnOutput(this, "EraseConnectionsFunctionArn", {
      description: "What the product's back end in another account calls it by",
      value: eraseConnections.lambda.functionArn,
    });
    new CfnOutput(this, "EraseInvokePolicyArn", { value: eraseInvoke.managedPolicyArn });
    new CfnOutput(this, "RequireSignInFunctionName", { value: requireSignIn.lambda.functionName });
    if (api.domainTarget) new CfnOutput(this, "CustomDomainTarget", { value: api.domainTarget });
  }

  /** Lets EventBridge invoke a function. It tries for a while what does not work at once. */
  #invoke(id: string, target: RequestFunction, props: RuleProps): void {
    const rule = new Rule(this, id, { ...props, targets: [new LambdaTarget(target.lambda)] });
    Validations.of(rule).acknowledge({
      id: "Serverless-EventBusDLQ",
      reason:
        "What is missed is made up for: by the next minute, or by Amazon SES, which sends nothing to an address that bounced. A queue would keep addresses in clear.",
    });
  }

  /** Encrypts logs and alarms, which hold no secrets; apart from the key of what does. */
  #operationsKey(stage: Stage): Key {
    const key = new Key(this, "OperationsKey", {
      description: "Outlook Connect: logs and alarms",
      enableKeyRotation: true,
      removalPolicy: operationsRemovalPolicy(stage),
    });
    key.addToResourcePolicy(
      new PolicyStatement({
        sid: "Logs",
        principals: [new ServicePrincipal(`logs.${Aws.REGION}.amazonaws.com`)],
        actions: [
          "kms:Decrypt",
          "kms:DescribeKey",
          "kms:Encrypt",
          "kms:GenerateDataKey*",
          "kms:ReEncrypt*",
        ],
        resources: ["*"],
        conditions: {
          ArnLike: {
            "kms:EncryptionContext:aws:logs:arn": this.formatArn({
              service: "logs",
              resource: "log-group",
              resourceName: `*outlook-connect-${stage.name}-*`,
              arnFormat: ArnFormat.COLON_RESOURCE_NAME,
            }),
          },
        },
      }),
    );
    key.addToResourcePolicy(
      new PolicyStatement({
        sid: "Alarms",
        principals: [new ServicePrincipal("cloudwatch.amazonaws.com")],
        actions: ["kms:Decrypt", "kms:GenerateDataKey*"],
        resources: ["*"],
        conditions: { StringEquals: { "aws:SourceAccount": Aws.ACCOUNT_ID } },
      }),
    );
    return key;
  }
}
