import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as z from "zod/mini";
import { functionName } from "../aws/constructs/request-function.ts";
import type { Stage } from "../aws/stages.ts";
import { synthesize } from "../aws/synthesize.ts";
import { buildFunctions } from "../build.ts";
import { Clock } from "./clock.ts";
import { createSecrets } from "./create-secrets.ts";
import { createTables } from "./dynamodb/create-tables.ts";
import { startDynamoDb } from "./dynamodb/start-dynamodb.ts";
import type { FunctionConfiguration } from "./gateway/execution-environment.ts";
import { startGateway } from "./gateway/gateway.ts";
import { startLambdaApi } from "./gateway/lambda-api.ts";
import { LambdaService } from "./gateway/lambda-service.ts";
import { Scheduler } from "./gateway/scheduler.ts";
import { readData, readService } from "./gateway/template.ts";
import { localAccountId, localIamArn, localRegion } from "./gateway/template-values.ts";
import { Access } from "./iam/access.ts";
import { startGuard } from "./iam/guard.ts";
import { requestedResources } from "./iam/requested-resources.ts";
import { type GuardedService, readRolePolicies } from "./iam/role-policies.ts";
import { localStage } from "./local-stage.ts";
import { startMail } from "./mail/start-mail.ts";
import { newCertificate } from "./microsoft/new-certificate.ts";
import type { FederatedCredential } from "./microsoft/simulation.ts";
import { type MicrosoftSimulator, startMicrosoftSimulator } from "./microsoft/simulator.ts";
import { rotate, setUpRotations } from "./rotate-secrets.ts";
import {
  type RunningSecretsManager,
  startSecretsManager,
} from "./secrets-manager/start-secrets-manager.ts";
import { type RunningSts, startSts } from "./sts/start-sts.ts";
import { startWebApp } from "./web-app/server.ts";

/** One for each engine; a free one where it is absent or 0. */
export interface LocalPorts {
  readonly webApp?: number;
  readonly api?: number;
  readonly microsoft?: number;
  readonly mail?: number;
  readonly lambda?: number;
  readonly dynamoDb?: number;
  readonly secretsManager?: number;
  readonly sts?: number;
}

/** How the app proves to Microsoft who it is: by a secret, or by something better with the secret stored beside it. */
export type AppCredentialChoice = "secret" | "certificate" | "federated";

export type MicrosoftChoice =
  | { readonly kind: "simulator" }
  /** An app registration of one's own, with the redirect URI `http://localhost:<api port>/callback`. */
  | { readonly kind: "real"; readonly clientId: string; readonly clientSecret: string };

export interface LocalStackOptions {
  /** Keeps tables and secrets there, so that a restart finds them; everything is in memory if absent. */
  readonly folder?: string;
  readonly ports?: LocalPorts;
  readonly clock?: Clock;
  /** How many seconds pass per second, if no clock is given. */
  readonly speed?: number;
  readonly microsoft?: MicrosoftChoice;
  /** At the simulator; the real Microsoft is shown a secret. @default a secret */
  readonly appCredential?: AppCredentialChoice;
  /** Where refresh tokens are kept. @default in secrets */
  readonly tokenVault?: Stage["tokenVault"];
  /** How many invocations of a function may run at once. @default as many as come */
  readonly reservedConcurrency?: Stage["reservedConcurrency"];
  /** A folder with the functions as they are built. @default built now */
  readonly bundles?: string;
  readonly onLog?: (line: LogLine) => void;
}

/** A line that a function wrote to its standard output or error. */
interface LogLine {
  readonly functionName: string;
  readonly line: string;
}

export interface LocalStack {
  readonly clock: Clock;
  readonly origins: {
    readonly webApp: string;
    readonly api: string;
    readonly mail: string;
    /** The `Invoke` operation of AWS Lambda. */
    readonly lambda: string;
    /** Both without a guard: whoever comes here may do everything. */
    readonly dynamoDb: string;
    readonly secretsManager: string;
    /** Absent with the real Microsoft. */
    readonly microsoft?: string;
  };
  readonly region: string;
  readonly tokenFetchFunctionName: string;
  readonly eraseConnectionsFunctionName: string;
  readonly tableNames: readonly string[];
  /** Absent with the real Microsoft. */
  readonly microsoft?: MicrosoftSimulator;
  readonly secretsManager: RunningSecretsManager;
  readonly sts: RunningSts;
  /** As an operator has registered them at Microsoft: one for each function that may be named there. */
  readonly federatedCredentials: readonly FederatedCredential[];
  readonly lambda: LambdaService;
  /** The functions as the template configures them, with the values of this machine. */
  readonly functions: readonly FunctionConfiguration[];
  /**
   * Variables that lead a function's AWS SDK to the local engines. A guard stands before each, which knows a
   * function by its own credentials.
   */
  readonly endpoints: Readonly<Record<string, string>>;
  /** What the functions may do, what they used of it, and what they were denied. */
  readonly access: Access;
  /** All that the functions have written, oldest first. */
  readonly logs: readonly LogLine[];
  /** Does now what EventBridge would do by the stack's clock, and waits for it; it happens within a second anyway. */
  runSchedules(): Promise<void>;
  close(): Promise<void>;
}

const simulatedClient = {
  clientId: "11111111-2222-4333-8444-555555555555",
  clientSecret: "the-simulator-knows-this-secret",
};

/** A year, as an operator's would live. */
const certificateLifetimeSeconds = 365 * 24 * 3600;

const offsetFile = "clock-offset.json";

const readOffset = async (folder: string | undefined): Promise<number> => {
  if (!folder) return 0;
  try {
    return z.number().parse(JSON.parse(await readFile(join(folder, offsetFile), "utf8")));
  } catch {
    return 0;
  }
};

/**
 * Starts the whole service on this machine: the functions as they are built and the resources as they are synthesized
 * for AWS, with stand-ins for what AWS, Microsoft and the product are in the cloud.
 */
export const startLocalStack = async (options: LocalStackOptions = {}): Promise<LocalStack> => {
  const { ports = {}, microsoft: choice = { kind: "simulator" }, onLog } = options;
  const { appCredential = "secret" } = options;
  // What was connected through one Microsoft is nothing to the other.
  const folder = options.folder && join(options.folder, choice.kind);
  const clock =
    options.clock ??
    new Clock({
      offsetMs: await readOffset(folder),
      ...(options.speed !== undefined && { speed: options.speed }),
    });
  const kept = (name: string) => (folder ? { folder: join(folder, name) } : {});

  await using starting = new AsyncDisposableStack();
  const started = <Part extends { close(): Promise<void> }>(part: Part): Part => {
    starting.defer(() => part.close());
    return part;
  };

  const dynamoDb = started(await startDynamoDb({ port: ports.dynamoDb ?? 0, ...kept("dynamodb") }));
  // Nothing is rotated before there are functions.
  let invokeRotation = async (_lambdaArn: string, _event: object): Promise<boolean> => false;
  const secretsManager = started(
    await startSecretsManager({
      invokeRotation: (lambdaArn, event) => invokeRotation(lambdaArn, event),
      port: ports.secretsManager ?? 0,
      ...kept("secrets-manager"),
      region: localRegion,
      accountId: localAccountId,
      now: () => clock.now(),
    }),
  );
  const mail = started(await startMail({ port: ports.mail ?? 0 }));
  const gateway = started(await startGateway({ port: ports.api ?? 0, clock }));
  // Microsoft takes plain http from nobody but `localhost`.
  const apiOrigin =
    choice.kind === "real" ? gateway.origin.replace("127.0.0.1", "localhost") : gateway.origin;

  const client = choice.kind === "real" ? choice : simulatedClient;
  const certificates =
    appCredential === "certificate"
      ? [await newCertificate(clock.now(), certificateLifetimeSeconds)]
      : [];
  let federatedCredentials: readonly FederatedCredential[] = [];
  const microsoft =
    choice.kind === "simulator"
      ? started(
          await startMicrosoftSimulator({
            port: ports.microsoft ?? 0,
            clock,
            clientId: client.clientId,
            clientSecrets: [client.clientSecret],
            clientCertificates: certificates.map(({ certificate }) => certificate),
            federatedCredentials: () => federatedCredentials,
            redirectUris: [`${apiOrigin}/callback`, `${apiOrigin}/admin-consent-callback`],
            adminConsentRedirectUris: [`${apiOrigin}/admin-consent-callback`],
            ...kept("microsoft"),
          }),
        )
      : undefined;

  let lambdaOrigin = "";
  let tokenFetchFunctionName = "";
  const webApp = started(
    await startWebApp({
      port: ports.webApp ?? 0,
      apiOrigin: () => apiOrigin,
      lambdaEndpoint: () => lambdaOrigin,
      region: localRegion,
      tokenFetchFunctionName: () => tokenFetchFunctionName,
      clock,
      ...(microsoft && { simulatorOrigin: () => microsoft.origin }),
      mailOrigin: () => mail.origin,
    }),
  );

  // A folder of its own, so that stacks which start at the same time do not replace each other's bundles.
  const work = await mkdtemp(join(tmpdir(), "outlook-connect-"));
  starting.defer(() => rm(work, { recursive: true, force: true }));
  const { bundles = join(work, "functions") } = options;
  const assemblyFolder = join(work, "cdk.out");
  if (!options.bundles) await buildFunctions({ outFolder: bundles });
  const loginEndpoint = microsoft?.origin ?? "https://login.microsoftonline.com";
  const graphEndpoint = microsoft ? `${microsoft.origin}/graph` : "https://graph.microsoft.com";
  const stage = localStage({
    apiOrigin,
    product: webApp,
    microsoft: {
      loginEndpoint,
      graphEndpoint,
      clientId: client.clientId,
      federatedCredential: appCredential === "federated" ? "used" : "unused",
    },
    ...(options.tokenVault && { tokenVault: options.tokenVault }),
    ...(options.reservedConcurrency && { reservedConcurrency: options.reservedConcurrency }),
  });
  tokenFetchFunctionName = functionName(stage, "token-fetch");
  const templates = await synthesize(stage, assemblyFolder, { bundles });

  const { tables, secrets } = readData(templates);
  await createTables(dynamoDb.origin, tables);
  const secretArns = await createSecrets(secretsManager.origin, localRegion, secrets, {
    ClientCredential: JSON.stringify({
      ...(certificates.length > 0 && { certificates }),
      clientSecrets: [client.clientSecret],
    }),
  });
  const values = { apiEndpoint: apiOrigin, secretArns };
  const { functions, api, schedules } = readService(templates, { assemblyFolder, values });

  const policies = readRolePolicies(templates, values);
  const access = new Access(policies);
  const roleArnOf = (name: string) => {
    const role = policies.get(name)?.roleName;
    return role === undefined ? undefined : localIamArn(`role/${role}`);
  };
  const sts = started(
    await startSts({
      port: ports.sts ?? 0,
      accountId: localAccountId,
      roleArnOf,
      now: () => clock.now(),
    }),
  );
  federatedCredentials = access.grants
    .filter(({ action }) => action === "sts:GetWebIdentityToken")
    .map(({ functionName: name }) => ({
      issuer: sts.origin,
      subject: roleArnOf(name) ?? "",
      audience: "api://AzureADTokenExchange",
    }));
  const guarded = async (service: GuardedService, target: string) => {
    const resourcesOf = requestedResources(service, secretArns);
    const now = () => clock.now();
    return started(await startGuard({ service, target, access, resourcesOf, now })).origin;
  };
  const endpoints: Record<string, string> = {
    AWS_ENDPOINT_URL_DYNAMODB: await guarded("dynamodb", dynamoDb.origin),
    AWS_ENDPOINT_URL_SECRETS_MANAGER: await guarded("secretsmanager", secretsManager.origin),
    AWS_ENDPOINT_URL_SESV2: mail.origin,
    AWS_ENDPOINT_URL_STS: await guarded("sts", sts.origin),
  };
  const logs: LogLine[] = [];
  const lambda = started(
    new LambdaService({
      functions,
      clock,
      region: localRegion,
      endpoints,
      onLog: (name, line) => {
        logs.push({ functionName: name, line });
        onLog?.({ functionName: name, line });
      },
    }),
  );
  invokeRotation = async (lambdaArn, event) => {
    const configured = functions.find(({ arn }) => arn === lambdaArn);
    const { ok = false } = configured
      ? await lambda.enqueue(configured.name, JSON.stringify(event))
      : {};
    return ok;
  };
  const lambdaApi = started(await startLambdaApi({ port: ports.lambda ?? 0, lambda }));
  lambdaOrigin = lambdaApi.origin;
  // Functions may invoke functions; none has been started yet.
  endpoints.AWS_ENDPOINT_URL_LAMBDA = lambdaApi.origin;
  gateway.serve(api, lambda);
  await setUpRotations(
    secretsManager,
    localRegion,
    schedules,
    (name) => functions.find((each) => each.name === name)?.arn ?? name,
  );
  const scheduler = started(
    new Scheduler({
      schedules,
      clock,
      invoke: ({ functionName: name, rotates }) =>
        rotates === undefined
          ? lambda.enqueue(name, "{}")
          : rotate(secretsManager, localRegion, rotates),
    }),
  );

  const running = starting.move();
  return {
    clock,
    origins: {
      webApp: webApp.origin,
      api: apiOrigin,
      mail: mail.origin,
      lambda: lambdaApi.origin,
      dynamoDb: dynamoDb.origin,
      secretsManager: secretsManager.origin,
      ...(microsoft && { microsoft: microsoft.origin }),
    },
    region: localRegion,
    tokenFetchFunctionName,
    eraseConnectionsFunctionName: functionName(stage, "erase-connections"),
    tableNames: tables.map(({ TableName }) => TableName),
    ...(microsoft && { microsoft }),
    secretsManager,
    sts,
    federatedCredentials,
    lambda,
    functions,
    endpoints,
    access,
    logs,
    runSchedules: () => scheduler.runDue(),
    close: async () => {
      await running.disposeAsync();
      // Time that was let pass stays passed: what was stored then must not lie in the future.
      if (folder) await writeFile(join(folder, offsetFile), JSON.stringify(clock.offsetMs));
    },
  };
};
