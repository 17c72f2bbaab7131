import { basename, resolve } from "node:path";
import * as z from "zod/mini";
import type { CorsConfiguration } from "./cors.ts";
import type { FunctionConfiguration } from "./execution-environment.ts";
import type { HttpApi, Route } from "./gateway.ts";
import type { JwtAuthorizerConfiguration } from "./jwt-authorizer.ts";
import type { Schedule } from "./scheduler.ts";
import {
  localAccountId,
  localApiId,
  localArn,
  type Resource,
  type RuntimeValues,
  TemplateValues,
} from "./template-values.ts";

/** Synthesized templates as parsed JSON, by stack name. */
export type Templates = Readonly<Record<string, unknown>>;

/** `Properties` of the table, values instead of functions, and always a `TableName`. */
export type TableProperties = Readonly<Record<string, unknown>> & { readonly TableName: string };

export interface SecretDefinition {
  readonly logicalId: string;
  /** The `Name` in the template, or else the logical id. */
  readonly name: string;
  /** `GenerateSecretString`, in the shape of Secrets Manager's `GetRandomPassword`, if the template has it. */
  readonly generate?: Readonly<Record<string, unknown>>;
  readonly secretString?: string;
}

const secretProperties = z.object({
  GenerateSecretString: z.optional(z.record(z.string(), z.unknown())),
  SecretString: z.optional(z.string()),
});

/** What has to be there before the service: tables and secrets of all stacks. */
export const readData = (
  templates: Templates,
): {
  readonly tables: readonly TableProperties[];
  readonly secrets: readonly SecretDefinition[];
} => {
  const values = new TemplateValues(templates);
  return {
    tables: values
      .resourcesOf("AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable")
      .map((table) => ({ ...values.read(table), TableName: values.nameOf(table, "TableName") })),
    secrets: values.resourcesOf("AWS::SecretsManager::Secret").map((secret) => {
      const { GenerateSecretString, SecretString } = secretProperties.parse(
        values.read(secret, "GenerateSecretString", "SecretString"),
      );
      return {
        logicalId: secret.logicalId,
        name: values.nameOf(secret, "Name"),
        ...(GenerateSecretString && { generate: GenerateSecretString }),
        ...(SecretString !== undefined && { secretString: SecretString }),
      };
    }),
  };
};

/** @param options.assemblyFolder where the templates and the assets they name were written (`cdk.out`) */
export const readService = (
  templates: Templates,
  options: { readonly assemblyFolder: string; readonly values: RuntimeValues },
): {
  readonly functions: readonly FunctionConfiguration[];
  readonly api: HttpApi;
  readonly schedules: readonly Schedule[];
} => {
  const values = new TemplateValues(templates, options.values);
  return {
    functions: values
      .resourcesOf("AWS::Lambda::Function")
      .map((each) => readFunction(values, each, options.assemblyFolder)),
    api: readApi(values),
    schedules: [...readSchedules(values), ...readRotations(values)],
  };
};

const ruleProperties = z.object({
  ScheduleExpression: z.optional(z.string()),
  Targets: z._default(z.array(z.object({ Arn: z.string() })), []),
});

const secondsIn: Readonly<Record<string, number>> = { minute: 60, hour: 3600, day: 24 * 3600 };

/** Rules with a fixed rate; rules that wait for events of AWS have nothing to wait for here. */
const readSchedules = (values: TemplateValues): readonly Schedule[] =>
  values.resourcesOf("AWS::Events::Rule").flatMap((each) => {
    const { ScheduleExpression } = ruleProperties.parse(values.read(each, "ScheduleExpression"));
    if (ScheduleExpression === undefined) return [];
    const [, count, unit = ""] =
      /^rate\((\d+) (minute|hour|day)s?\)$/.exec(ScheduleExpression) ?? [];
    const unitSeconds = secondsIn[unit];
    if (unitSeconds === undefined) {
      throw new Error(`${each.path.join(".")}: ${ScheduleExpression} is not understood here`);
    }
    const { Targets } = ruleProperties.parse(values.read(each, "Targets"));
    return Targets.flatMap(({ Arn }) => {
      const [, functionName] = /:function:([^:/]+)/.exec(Arn) ?? [];
      return functionName === undefined
        ? []
        : [{ functionName, everySeconds: Number(count) * unitSeconds }];
    });
  });

const rotationProperties = z.object({
  SecretId: z.string(),
  RotationLambdaARN: z.string(),
  RotationRules: z.object({ AutomaticallyAfterDays: z.number() }),
});

const readRotations = (values: TemplateValues): readonly Schedule[] =>
  values.resourcesOf("AWS::SecretsManager::RotationSchedule").flatMap((each) => {
    const { SecretId, RotationLambdaARN, RotationRules } = rotationProperties.parse(
      values.read(each, "SecretId", "RotationLambdaARN", "RotationRules"),
    );
    const [, functionName] = /:function:([^:/]+)/.exec(RotationLambdaARN) ?? [];
    return functionName === undefined
      ? []
      : [
          {
            functionName,
            everySeconds: RotationRules.AutomaticallyAfterDays * 24 * 3600,
            rotates: SecretId,
          },
        ];
  });

const functionProperties = z.object({
  Code: z.object({ S3Key: z.string() }),
  Handler: z.string(),
  Environment: z._default(z.object({ Variables: z.record(z.string(), z.string()) }), {
    Variables: {},
  }),
  // The defaults of CloudFormation.
  Timeout: z._default(z.number(), 3),
  MemorySize: z._default(z.number(), 128),
  ReservedConcurrentExecutions: z.optional(z.number()),
  LoggingConfig: z._default(z.object({ LogFormat: z._default(z.enum(["Text", "JSON"]), "Text") }), {
    LogFormat: "Text",
  }),
});

const readFunction = (
  values: TemplateValues,
  resource: Resource,
  assemblyFolder: string,
): FunctionConfiguration => {
  const {
    Code,
    Handler,
    Environment,
    Timeout,
    MemorySize,
    ReservedConcurrentExecutions,
    LoggingConfig,
  } = functionProperties.parse(
    values.read(
      resource,
      "Code",
      "Handler",
      "Environment",
      "Timeout",
      "MemorySize",
      "ReservedConcurrentExecutions",
      "LoggingConfig",
    ),
  );
  const name = values.nameOf(resource, "FunctionName");
  return {
    name,
    arn: localArn("lambda", `function:${name}`),
    // The CDK names an asset's folder and its object in S3 alike.
    codeFolder: resolve(assemblyFolder, `asset.${basename(Code.S3Key, ".zip")}`),
    handler: Handler,
    environment: Environment.Variables,
    timeoutSeconds: Timeout,
    memoryMegabytes: MemorySize,
    ...(ReservedConcurrentExecutions !== undefined && {
      reservedConcurrency: ReservedConcurrentExecutions,
    }),
    logFormat: LoggingConfig.LogFormat,
  };
};

const corsProperties = z.object({
  AllowOrigins: z._default(z.array(z.string()), []),
  AllowMethods: z._default(z.array(z.string()), []),
  AllowHeaders: z._default(z.array(z.string()), []),
  ExposeHeaders: z._default(z.array(z.string()), []),
  AllowCredentials: z._default(z.boolean(), false),
  MaxAge: z.optional(z.number()),
});

const authorizerProperties = z.object({
  AuthorizerType: z.literal("JWT"),
  IdentitySource: z.tuple([z.literal("$request.header.Authorization")]),
  JwtConfiguration: z.object({ Issuer: z.string(), Audience: z.array(z.string()) }),
});

const integrationProperties = z.object({
  IntegrationType: z.literal("AWS_PROXY"),
  IntegrationUri: z.string(),
  PayloadFormatVersion: z.literal("2.0"),
  TimeoutInMillis: z.optional(z.number()),
});

const routeProperties = z.object({
  RouteKey: z.string(),
  Target: z.string(),
  AuthorizationType: z._default(z.enum(["NONE", "JWT"]), "NONE"),
  AuthorizerId: z.optional(z.string()),
  AuthorizationScopes: z.optional(z.array(z.string())),
});

const readApi = (values: TemplateValues): HttpApi => {
  const apis = values.resourcesOf("AWS::ApiGatewayV2::Api");
  const [api] = apis;
  if (api === undefined || apis.length > 1) {
    throw new Error(`the templates hold ${apis.length} HTTP APIs; one is needed`);
  }
  const { CorsConfiguration } = values.read(api, "CorsConfiguration");
  const authorizers = new Map(
    values
      .resourcesOf("AWS::ApiGatewayV2::Authorizer")
      .map((each) => [each.logicalId, readAuthorizer(values, each)]),
  );
  const integrations = new Map(
    values
      .resourcesOf("AWS::ApiGatewayV2::Integration")
      .map((each) => [each.logicalId, integrationProperties.parse(values.read(each))]),
  );
  return {
    id: localApiId,
    accountId: localAccountId,
    ...(CorsConfiguration !== undefined && { cors: readCors(CorsConfiguration) }),
    routes: values.resourcesOf("AWS::ApiGatewayV2::Route").map((each) => {
      const route = routeProperties.parse(values.read(each));
      const integration = integrations.get(route.Target.replace("integrations/", ""));
      const [, functionName] = /:function:([^:/]+)/.exec(integration?.IntegrationUri ?? "") ?? [];
      if (functionName === undefined) {
        throw new Error(`${each.path.join(".")}: ${route.RouteKey} leads to no function`);
      }
      return {
        ...methodAndPath(route.RouteKey),
        functionName,
        ...(integration?.TimeoutInMillis && { timeoutMs: integration.TimeoutInMillis }),
        ...(route.AuthorizationType === "JWT" && {
          authorizer: required(authorizers.get(route.AuthorizerId ?? ""), each, "its authorizer"),
          scopes: route.AuthorizationScopes ?? [],
        }),
      };
    }),
  };
};

const methodAndPath = (routeKey: string): Pick<Route, "method" | "path"> => {
  const [method = "", path] = routeKey.split(" ");
  return path === undefined ? { method: "ANY", path: method } : { method, path };
};

const readAuthorizer = (values: TemplateValues, resource: Resource): JwtAuthorizerConfiguration => {
  const { JwtConfiguration } = authorizerProperties.parse(values.read(resource));
  return { issuer: JwtConfiguration.Issuer, audience: JwtConfiguration.Audience };
};

const readCors = (configuration: unknown): CorsConfiguration => {
  const cors = corsProperties.parse(configuration);
  return {
    allowOrigins: cors.AllowOrigins,
    allowMethods: cors.AllowMethods,
    allowHeaders: cors.AllowHeaders,
    exposeHeaders: cors.ExposeHeaders,
    allowCredentials: cors.AllowCredentials,
    ...(cors.MaxAge !== undefined && { maxAgeSeconds: cors.MaxAge }),
  };
};

const required = <Value>(value: Value | undefined, { path }: Resource, what: string): Value => {
  if (value === undefined) throw new Error(`${path.join(".")}: ${what} is missing`);
  return value;
};
