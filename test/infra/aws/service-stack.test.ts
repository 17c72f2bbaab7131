import { beforeAll, describe, expect, it } from "vitest";
import * as z from "zod/mini";
import { type Stage, stages } from "../../../infra/aws/stages.ts";
import { TemplateValues } from "../../../infra/local/gateway/template-values.ts";
import { attemptsPerUser } from "../../../shared/domain/attempt.ts";
import { type SynthesizedStage, synthesized } from "./synthesized.ts";

const withCustomDomain: Stage = {
  ...stages.prod,
  customDomain: {
    name: "outlook.appse.example",
    certificateArn: "arn:aws:acm:eu-central-1:123456789012:certificate/one",
  },
};

const functionProperties = z.looseObject({
  FunctionName: z.string(),
  Timeout: z.number(),
  MemorySize: z.number(),
  ReservedConcurrentExecutions: z.optional(z.number()),
  Environment: z.object({ Variables: z.record(z.string(), z.unknown()) }),
});

const policyDocument = z.object({
  Statement: z.array(z.looseObject({ Sid: z.optional(z.string()), Effect: z.string() })),
});

const fields = z.record(z.string(), z.unknown());
const branches = z.array(z.unknown());

/** Whether EventBridge takes an event, by the kinds of patterns that are used here. */
const matches = (pattern: unknown, event: unknown): boolean =>
  Object.entries(fields.parse(pattern)).every(([name, wanted]) => {
    if (name === "$or") return branches.parse(wanted).some((branch) => matches(branch, event));
    const given = fields.safeParse(event).data?.[name];
    if (!Array.isArray(wanted)) return matches(wanted, given);
    return wanted.some((one) =>
      typeof one === "string" ? one === given : one.exists === (given !== undefined),
    );
  });

describe("the service", () => {
  let prod: SynthesizedStage;
  beforeAll(async () => {
    prod = await synthesized(stages.prod);
  });

  const functions = () =>
    prod
      .resources("AWS::Lambda::Function")
      .map(({ id, Properties }) => ({ id, ...functionProperties.parse(Properties) }));

  describe("functions", () => {
    it("run on the newest Node.js, on arm64, traced", () => {
      expect(functions()).toHaveLength(19);
      for (const each of functions()) {
        expect(each).toMatchObject({
          Runtime: "nodejs24.x",
          Architectures: ["arm64"],
          Handler: "index.handler",
          TracingConfig: { Mode: "Active" },
        });
      }
    });

    it("are named after their stage and their folder", () => {
      expect(functions().map(({ FunctionName }) => FunctionName)).toEqual([
        "outlook-connect-prod-start",
        "outlook-connect-prod-attempts",
        "outlook-connect-prod-callback",
        "outlook-connect-prod-complete",
        "outlook-connect-prod-connections",
        "outlook-connect-prod-disconnect",
        "outlook-connect-prod-token-fetch",
        "outlook-connect-prod-admin-consent-request",
        "outlook-connect-prod-approval-status",
        "outlook-connect-prod-admin-consent",
        "outlook-connect-prod-admin-consent-callback",
        "outlook-connect-prod-resume-waiting",
        "outlook-connect-prod-mail-events",
        "outlook-connect-prod-keep-alive",
        "outlook-connect-prod-sweep-vault",
        "outlook-connect-prod-erase-connections",
        "outlook-connect-prod-require-sign-in",
        "outlook-connect-prod-credential-expiry",
        "outlook-connect-prod-rotate-vault-keys",
      ]);
    });

    it("rotate the vault keys each month, beginning a month after the first deployment", () => {
      const schedules = prod.resources("AWS::SecretsManager::RotationSchedule");

      expect(schedules.map(({ Properties }) => prod.readable(Properties.SecretId))).toEqual([
        "SignInKeys",
        "TokenKeys",
      ]);
      for (const { Properties } of schedules) {
        expect(Properties).toMatchObject({
          RotateImmediatelyOnUpdate: false,
          RotationRules: { AutomaticallyAfterDays: 30 },
        });
        expect(prod.readable(Properties.RotationLambdaARN)).toBe("RotateVaultKeysFunction");
      }
    });

    it("neither repeat nor keep an invocation for which nobody waits, but for what SES tells once", () => {
      const configurations = prod.resources("AWS::Lambda::EventInvokeConfig");

      expect(configurations).toHaveLength(functions().length);
      for (const { Properties } of configurations) {
        const isTold = prod.readable(Properties.FunctionName) === "MailEventsFunction";
        expect(Properties).toMatchObject({
          MaximumRetryAttempts: isTold ? 2 : 0,
          MaximumEventAgeInSeconds: isTold ? 6 * 3600 : 60,
        });
        expect(Properties).not.toHaveProperty("DestinationConfig");
      }
      for (const each of functions()) expect(each).not.toHaveProperty("DeadLetterConfig");
      expect(prod.resources("AWS::Lambda::EventSourceMapping")).toEqual([]);
    });

    it.for(["EraseConnections", "RequireSignIn"])(
      "end before the AWS CLI gives up on one that is waited for, %s",
      (name) => {
        const waitedFor = functions().find(({ id }) => id === `${name}Function`);

        expect(waitedFor?.Timeout).toBeLessThan(60);
        expect(waitedFor?.Timeout).toBeGreaterThanOrEqual(40);
      },
    );

    it("cannot starve one another", () => {
      expect(
        Object.fromEntries(
          functions().map(({ id, ReservedConcurrentExecutions }) => [
            id,
            ReservedConcurrentExecutions,
          ]),
        ),
      ).toMatchObject({
        CallbackFunction: 25,
        CompleteFunction: 50,
        TokenFetchFunction: 200,
        AdminConsentFunction: 25,
        AdminConsentCallbackFunction: 25,
      });
    });

    it("count an address only where the product's identity provider says that it is verified", () => {
      const reached = functions().filter(({ Environment }) => Environment.Variables.EMAIL_CLAIM);

      expect(reached.length).toBeGreaterThan(0);
      for (const { Environment } of reached) {
        expect(Environment.Variables.EMAIL_VERIFIED_CLAIM).toBe("email_verified");
      }
    });

    it("hold names of secrets in their environment, never a secret", () => {
      for (const { Environment } of functions()) {
        for (const [name, value] of Object.entries(Environment.Variables)) {
          if (/SECRET|CREDENTIAL|KEY|TOKEN|PASSWORD/.test(name)) {
            expect(name).toMatch(
              /_ARN$|^TOKEN_VAULT(_PREFIX)?$|_TABLE$|^FEDERATED_CREDENTIAL$|^TOKEN_FETCH_FUNCTION$/,
            );
          }
          expect(prod.readable(value)).not.toContain("{{resolve:");
        }
        expect(Environment.Variables.POWERTOOLS_LOG_LEVEL).toBe("INFO");
        expect(Environment.Variables).not.toHaveProperty("NODE_OPTIONS");
      }
    });

    it("write encrypted logs that are kept for as long as the stage says", () => {
      const logs = prod.resources("AWS::Logs::LogGroup");

      expect(logs).toHaveLength(functions().length + 1);
      for (const { Properties } of logs) {
        expect(Properties).toMatchObject({ RetentionInDays: 365 });
        expect(prod.readable(Properties.KmsKeyId)).toBe("OperationsKey");
      }
    });

    it("leave logs and their key behind, but not those of a first deployment that fails", () => {
      const logs = prod.resources("AWS::Logs::LogGroup");

      for (const each of [...logs, prod.resource("AWS::KMS::Key", "OperationsKey")]) {
        expect(each, each.id).toMatchObject({
          DeletionPolicy: "RetainExceptOnCreate",
          UpdateReplacePolicy: "Retain",
        });
      }
    });

    it("stand in stacks that nobody deletes by mistake, and that can be deleted where nothing is protected", async () => {
      const dev = await synthesized(stages.dev);

      expect(prod.protectedStacks.toSorted()).toEqual([
        "outlook-connect-prod-data",
        "outlook-connect-prod-service",
      ]);
      expect(dev.protectedStacks).toEqual([]);
    });

    it("leave no logs behind in a stage that is not protected", async () => {
      const dev = await synthesized(stages.dev);
      const logs = dev.resources("AWS::Logs::LogGroup");

      for (const each of [...logs, dev.resource("AWS::KMS::Key", "OperationsKey")]) {
        expect(each, each.id).toMatchObject({
          DeletionPolicy: "Delete",
          UpdateReplacePolicy: "Delete",
        });
      }
    });
  });

  describe("routes", () => {
    const routes = () =>
      prod.resources("AWS::ApiGatewayV2::Route").map(({ Properties }) => ({
        key: z.string().parse(Properties.RouteKey),
        authorization: Properties.AuthorizationType,
        authorizer: Properties.AuthorizerId && prod.readable(Properties.AuthorizerId),
        integration: prod.readable(Properties.Target).replace("integrations/", ""),
      }));

    it("need the product's sign-in, all but those to which Microsoft and mails send people", () => {
      const signedIn = { authorization: "JWT", authorizer: "ApiProductSignIn" };

      expect(Object.fromEntries(routes().map(({ key, ...route }) => [key, route]))).toMatchObject({
        "POST /start": signedIn,
        "GET /attempts/{attemptId}": signedIn,
        "POST /callback": { authorization: "NONE" },
        "POST /complete": signedIn,
        "GET /connections": signedIn,
        "GET /connections/{connectionId}": signedIn,
        "DELETE /connections/{connectionId}": signedIn,
        "POST /admin-consent-requests": signedIn,
        "GET /admin-consent-requests": signedIn,
        "GET /admin-consent/{token}": { authorization: "NONE" },
        "GET /admin-consent-callback": { authorization: "NONE" },
        "POST /admin-consent-callback": { authorization: "NONE" },
      });
      expect(routes()).toHaveLength(12);
    });

    it("take the tokens of the stage's issuer and audience", () => {
      const [authorizer, ...others] = prod.resources("AWS::ApiGatewayV2::Authorizer");

      expect(others).toEqual([]);
      expect(authorizer?.Properties).toMatchObject({
        AuthorizerType: "JWT",
        IdentitySource: ["$request.header.Authorization"],
        JwtConfiguration: { Issuer: "https://id.appse.example", Audience: ["appse-ai"] },
      });
    });

    it("wait longer than their function runs, and no longer than API Gateway can", () => {
      const timeouts = new Map(functions().map(({ id, Timeout }) => [id, Timeout]));

      for (const { id, Properties } of prod.resources("AWS::ApiGatewayV2::Integration")) {
        const seconds = timeouts.get(prod.readable(Properties.IntegrationUri)) ?? Number.NaN;
        expect(Properties.TimeoutInMillis, id).toBeGreaterThanOrEqual((seconds + 3) * 1000);
        expect(Properties.TimeoutInMillis, id).toBeLessThan(30_000);
      }
    });

    it("are throttled, and the public one apart", () => {
      const [apiStage] = prod.resources("AWS::ApiGatewayV2::Stage");

      expect(apiStage?.Properties).toMatchObject({
        DefaultRouteSettings: { ThrottlingRateLimit: 500, ThrottlingBurstLimit: 1000 },
        RouteSettings: {
          "POST /callback": { ThrottlingRateLimit: 500, ThrottlingBurstLimit: 1000 },
        },
      });
    });

    it("may be called by the stage's own pages, and from no other origin", () => {
      const [api] = prod.resources("AWS::ApiGatewayV2::Api");

      expect(api?.Properties.CorsConfiguration).toEqual({
        AllowOrigins: ["https://app.appse.example"],
        AllowMethods: ["GET", "POST", "DELETE"],
        AllowHeaders: ["Authorization", "Content-Type"],
        MaxAge: 3600,
      });
    });

    it("leave a log line that names nobody", () => {
      const [apiStage] = prod.resources("AWS::ApiGatewayV2::Stage");
      const { Format } = z
        .object({ Format: z.string() })
        .parse(apiStage?.Properties.AccessLogSettings);

      const variables = [...Format.matchAll(/\$context\.([\w.]+)/g)].map(([, name]) => name);

      expect(() => JSON.parse(Format)).not.toThrow();
      expect(variables.toSorted()).toEqual([
        "authorizer.error",
        "error.message",
        "error.responseType",
        "integrationErrorMessage",
        "integrationLatency",
        "integrationStatus",
        "requestId",
        "responseLatency",
        "routeKey",
        "status",
      ]);
    });
  });

  describe("address", () => {
    const redirectUri = (stage: SynthesizedStage) =>
      stage.readable(stage.service.Outputs.RedirectUri?.Value);

    it("to register at Microsoft is the one that start sends", () => {
      const start = functions().find(({ id }) => id === "StartFunction");

      expect(prod.readable(start?.Environment.Variables.REDIRECT_URI)).toBe(redirectUri(prod));
      expect(redirectUri(prod)).toMatch(/\/callback$/);
      expect(
        prod.resources("AWS::ApiGatewayV2::Route").map(({ Properties }) => Properties.RouteKey),
      ).toContain("POST /callback");
    });

    it("is the custom domain, and then no other", async () => {
      const stage = await synthesized(withCustomDomain);
      const [api] = stage.resources("AWS::ApiGatewayV2::Api");

      expect(redirectUri(stage)).toBe("https://outlook.appse.example/callback");
      expect(api?.Properties).toMatchObject({ DisableExecuteApiEndpoint: true });
    });
  });

  describe("alarms", () => {
    /** Told to nobody by themselves: another alarm is made of them. */
    const parts = ["tokens-none-in-an-hour", "tokens-in-most-hours"].map(
      (name) => `outlook-connect-prod-${name}`,
    );
    const whole = () =>
      prod
        .resources("AWS::CloudWatch::Alarm")
        .filter(({ Properties }) => !parts.includes(String(Properties.AlarmName)));
    const watched = () => {
      const alarms = whole().map(({ Properties }) => {
        expect(prod.readable(Properties.AlarmActions)).toBe("AlarmsTopic");
        return [Properties.AlarmName, Properties.Threshold];
      });
      return Object.fromEntries(alarms);
    };

    it("watch every function for failures and for being held back", () => {
      const names = Object.keys(watched());

      for (const name of [
        "Start",
        "AttemptStatus",
        "Callback",
        "Complete",
        "Connections",
        "Disconnect",
        "TokenFetch",
        "EraseConnections",
        "RequireSignIn",
      ]) {
        expect(names).toContain(`outlook-connect-prod-${name}-errors`);
        expect(names).toContain(`outlook-connect-prod-${name}-throttles`);
      }
    });

    const ofAccessLog = (metricName: string) =>
      prod
        .resources("AWS::Logs::MetricFilter")
        .map(({ Properties }) => Properties)
        .filter(({ LogGroupName }) => prod.readable(LogGroupName) === "ApiAccessLog")
        .find(({ MetricTransformations }) =>
          JSON.stringify(MetricTransformations).includes(`"${metricName}"`),
        );

    it("go off when API Gateway itself answers five times with 5xx, not a function", () => {
      const alarm = prod
        .resources("AWS::CloudWatch::Alarm")
        .find(({ Properties }) => String(Properties.AlarmName).endsWith("-api-server-errors"));

      expect(ofAccessLog("api_server_errors")?.FilterPattern).toBe(
        '{ ($.status = "5*") && (($.gatewayError != "-") || ($.integrationError != "-")) }',
      );
      expect(alarm?.Properties).toMatchObject({
        MetricName: "api_server_errors",
        Statistic: "Sum",
        Period: 300,
        Threshold: 5,
        ComparisonOperator: "GreaterThanOrEqualToThreshold",
        TreatMissingData: "notBreaching",
      });
    });

    it("go off when API Gateway refuses sign-ins of the product for ten minutes", () => {
      const alarm = prod
        .resources("AWS::CloudWatch::Alarm")
        .find(({ Properties }) => String(Properties.AlarmName).endsWith("-api-unauthorized"));

      expect(ofAccessLog("api_unauthorized")).toMatchObject({
        FilterPattern: '{ $.status = "401" }',
        MetricTransformations: [
          {
            MetricName: "api_unauthorized",
            MetricNamespace: "OutlookConnect/prod",
            MetricValue: "1",
          },
        ],
      });
      expect(alarm?.Properties).toMatchObject({
        Namespace: "OutlookConnect/prod",
        MetricName: "api_unauthorized",
        Statistic: "Sum",
        Period: 300,
        EvaluationPeriods: 2,
        DatapointsToAlarm: 2,
        Threshold: 50,
        ComparisonOperator: "GreaterThanOrEqualToThreshold",
        TreatMissingData: "notBreaching",
      });
    });

    it("go off when API Gateway turns requests away for ten minutes, and not for limits of ours", () => {
      const alarm = prod
        .resources("AWS::CloudWatch::Alarm")
        .find(({ Properties }) => String(Properties.AlarmName).endsWith("-api-throttled"));

      expect(ofAccessLog("api_throttled")).toMatchObject({
        FilterPattern: '{ ($.status = "429") && ($.gatewayError != "-") }',
      });
      expect(alarm?.Properties).toMatchObject({
        Namespace: "OutlookConnect/prod",
        MetricName: "api_throttled",
        Statistic: "Sum",
        Period: 300,
        EvaluationPeriods: 2,
        DatapointsToAlarm: 2,
        Threshold: 20,
        ComparisonOperator: "GreaterThanOrEqualToThreshold",
        TreatMissingData: "notBreaching",
      });
    });

    const counted = (metricName: string) =>
      prod
        .resources("AWS::Logs::MetricFilter")
        .map(({ Properties }) => Properties)
        .filter(({ MetricTransformations }) =>
          JSON.stringify(MetricTransformations).includes(`"${metricName}"`),
        )
        .map(({ LogGroupName, FilterPattern, MetricTransformations }) => [
          prod.readable(LogGroupName),
          FilterPattern,
          MetricTransformations,
        ]);
    const alarm = (name: string) =>
      prod
        .resources("AWS::CloudWatch::Alarm")
        .find(({ Properties }) => Properties.AlarmName === `outlook-connect-prod-${name}`)
        ?.Properties;
    const sum = (Id: string, MetricName: string, Period: number) => ({
      Id,
      MetricStat: {
        Metric: { MetricName, Namespace: "OutlookConnect/prod" },
        Period,
        Stat: "Sum",
      },
      ReturnData: false,
    });
    const withNought = (MetricName: string) => [
      { MetricName, MetricNamespace: "OutlookConnect/prod", MetricValue: "1", DefaultValue: 0 },
    ];

    it("go off when more than a third of what workers ask for fails for ten minutes, of thirty or more", () => {
      expect(alarm("tokens-failing")).toMatchObject({
        Metrics: [
          expect.objectContaining({
            Expression: "IF(served + failed >= 30, 100 * failed / (served + failed), 0)",
          }),
          sum("served", "tokens_served", 600),
          sum("failed", "tokens_failed", 600),
        ],
        Threshold: 33,
        ComparisonOperator: "GreaterThanThreshold",
        EvaluationPeriods: 1,
        TreatMissingData: "notBreaching",
      });
      // With a nought where there is none: what is missing cannot be set against anything.
      expect(counted("tokens_served")).toEqual([
        ["TokenFetchLogs", expect.anything(), withNought("tokens_served")],
      ]);
      expect(counted("tokens_failed")).toEqual([
        ["TokenFetchLogs", expect.anything(), withNought("tokens_failed")],
      ]);
    });

    it("go off when more sign-ins fail than connect within ten minutes, and more than one person can cause", () => {
      expect(alarm("sign-ins-failing")).toMatchObject({
        Metrics: [
          expect.objectContaining({
            Expression: `IF(failed > ${2 * attemptsPerUser}, 100 * failed / (connected + failed), 0)`,
          }),
          sum("connected", "mailboxes_connected", 600),
          sum("failed", "sign_ins_failed", 600),
        ],
        Threshold: 50,
        ComparisonOperator: "GreaterThanThreshold",
        EvaluationPeriods: 1,
        TreatMissingData: "notBreaching",
      });
      expect(counted("mailboxes_connected")).toEqual([
        ["CompleteLogs", expect.anything(), withNought("mailboxes_connected")],
      ]);
      expect(counted("sign_ins_failed")).toEqual([
        ["CompleteLogs", expect.anything(), withNought("sign_ins_failed")],
      ]);
      expect(counted("sign_in_seconds")).toEqual([
        [
          "CompleteLogs",
          '{ ($.message = "mailbox connected") && ($.sinceStartedSeconds = "*") }',
          [expect.objectContaining({ MetricValue: "$.sinceStartedSeconds" })],
        ],
      ]);
    });

    it("go off when many connections end within an hour, and not for those that time or a policy ends", () => {
      expect(alarm("connections-ending")).toMatchObject({
        Metrics: [
          expect.objectContaining({
            Expression: "IF(100 * ended >= served + refused, ended, 0)",
          }),
          sum("ended", "connections_ended", 3600),
          sum("served", "tokens_served", 3600),
          sum("refused", "tokens_not_served", 3600),
        ],
        Threshold: 20,
        ComparisonOperator: "GreaterThanOrEqualToThreshold",
        EvaluationPeriods: 1,
        TreatMissingData: "notBreaching",
      });
      expect(counted("connections_ended")).toEqual([
        [
          "TokenFetchLogs",
          '{ ($.ended = "*") && ($.ended != "connection_unused") && ($.ended != "sign_in_frequency") }',
          withNought("connections_ended"),
        ],
      ]);
    });

    it("go off when no worker was served for an hour, on a stage where somebody was in nearly every hour of the day", () => {
      const [missing, ...others] = prod.resources("AWS::CloudWatch::CompositeAlarm");
      const served = {
        // An hour without a line of the log is one in which nobody was served, and no gap to be waited out.
        Metrics: [
          expect.objectContaining({ Expression: "FILL(served, 0)" }),
          sum("served", "tokens_served", 3600),
        ],
        Threshold: 1,
      };

      expect(others).toEqual([]);
      expect(missing?.Properties.AlarmName).toBe("outlook-connect-prod-tokens-missing");
      expect(prod.readable(missing?.Properties.AlarmActions)).toBe("AlarmsTopic");
      expect(prod.readable(missing?.Properties.AlarmRule)).toBe(
        '(ALARM("Alarmstokensnoneinanhour") AND ALARM("Alarmstokensinmosthours"))',
      );
      expect(alarm("tokens-none-in-an-hour")).toMatchObject({
        ...served,
        ComparisonOperator: "LessThanThreshold",
        EvaluationPeriods: 1,
        TreatMissingData: "breaching",
      });
      // So a stage that is new or not used, or not at night, is left alone.
      expect(alarm("tokens-in-most-hours")).toMatchObject({
        ...served,
        ComparisonOperator: "GreaterThanOrEqualToThreshold",
        EvaluationPeriods: 24,
        DatapointsToAlarm: 22,
        TreatMissingData: "notBreaching",
      });
      for (const name of ["tokens-none-in-an-hour", "tokens-in-most-hours"]) {
        expect(alarm(name)).not.toHaveProperty("AlarmActions");
      }
    });

    it("go off when many answers belong to no sign-in for ten minutes", () => {
      expect(alarm("attempt-unknown")).toMatchObject({
        MetricName: "attempt_unknown",
        Statistic: "Sum",
        Period: 300,
        EvaluationPeriods: 2,
        DatapointsToAlarm: 2,
        Threshold: 50,
        ComparisonOperator: "GreaterThanOrEqualToThreshold",
        TreatMissingData: "notBreaching",
      });
      expect(counted("attempt_unknown")).toEqual([
        ["CallbackLogs", '{ $.failure = "attempt_unknown" }', expect.anything()],
      ]);
    });

    it("go off when the vault keys have not been rotated for six weeks, tried or not", () => {
      // One line for each secret; the older of the two is what counts.
      const [filter, ...others] = prod
        .resources("AWS::Logs::MetricFilter")
        .filter(({ Properties }) => /vaultKeyAgeDays/.test(String(Properties.FilterPattern)));
      const alarm = prod
        .resources("AWS::CloudWatch::Alarm")
        .find(({ Properties }) => String(Properties.AlarmName).endsWith("-vault-keys-not-rotated"));

      expect(others).toEqual([]);
      expect(filter?.Properties.FilterPattern).toBe('{ $.vaultKeyAgeDays = "*" }');
      expect(prod.readable(filter?.Properties.LogGroupName)).toBe("CredentialExpiryLogs");
      expect(filter?.Properties.MetricTransformations).toMatchObject([
        { MetricName: "vault_key_age_days", MetricValue: "$.vaultKeyAgeDays" },
      ]);
      expect(alarm?.Properties).toMatchObject({
        MetricName: "vault_key_age_days",
        Statistic: "Maximum",
        Period: 43_200,
        Threshold: 45,
        ComparisonOperator: "GreaterThanOrEqualToThreshold",
        DatapointsToAlarm: 1,
      });
    });

    it("go off when Microsoft refuses the app's credential once, to whichever function", () => {
      const filters = prod
        .resources("AWS::Logs::MetricFilter")
        .filter(({ Properties }) =>
          z.string().parse(Properties.FilterPattern).includes("app_credential_rejected"),
        );

      expect(watched()).toMatchObject({ "outlook-connect-prod-app-credential-rejected": 1 });
      expect(
        filters.map(({ Properties }) => [
          prod.readable(Properties.LogGroupName),
          Properties.FilterPattern,
        ]),
      ).toEqual([
        ["CompleteLogs", '{ $.failure = "app_credential_rejected" }'],
        ["AdminConsentCallbackLogs", '{ $.failure = "app_credential_rejected" }'],
        ["TokenFetchLogs", '{ $.failure = "app_credential_rejected" }'],
      ]);
    });

    it.for([
      [
        "internal_error",
        [
          "Start",
          "AttemptStatus",
          "Callback",
          "Complete",
          "Connections",
          "Disconnect",
          "TokenFetch",
          "AdminConsentRequest",
          "ApprovalStatus",
          "AdminConsent",
          "AdminConsentCallback",
          "ResumeWaiting",
          "MailEvents",
          "CredentialExpiry",
          "KeepAlive",
          "SweepVault",
          "EraseConnections",
          "RequireSignIn",
          "RotateVaultKeys",
        ],
      ],
      ["misconfigured", ["Complete", "AdminConsentCallback", "TokenFetch"]],
      ["id_token_rejected", ["Complete", "AdminConsentCallback"]],
      ["app_credential_fallback", ["Complete", "AdminConsentCallback", "TokenFetch"]],
      ["connection_unreadable", ["Connections", "KeepAlive", "EraseConnections", "RequireSignIn"]],
      ["item_unreadable", ["AdminConsentRequest", "ResumeWaiting", "MailEvents", "SweepVault"]],
      ["sealed_token_unreadable", ["TokenFetch"]],
      ["tenant_consent_lost", ["TokenFetch"]],
      ["mail_refused", ["AdminConsentRequest", "ResumeWaiting"]],
      ["mail_limit_of_all", ["AdminConsentRequest"]],
      ["mail_event_unreadable", ["MailEvents"]],
      ["sweep_refused", ["SweepVault"]],
      ["rotation_refused", ["RotateVaultKeys"]],
    ] as const)("go off at the first log line that says %s", ([failure, functions]) => {
      const logs = prod
        .resources("AWS::Logs::MetricFilter")
        .filter(({ Properties }) => Properties.FilterPattern === `{ $.failure = "${failure}" }`)
        .map(({ Properties }) => prod.readable(Properties.LogGroupName));

      expect(watched()).toMatchObject({
        [`outlook-connect-prod-${failure.replaceAll("_", "-")}`]: 1,
      });
      expect(logs.toSorted()).toEqual(functions.map((name) => `${name}Logs`).toSorted());
    });

    it.for(["session_mismatch", "redirect_refused", "id_token_nonce_mismatch"])(
      "go off at the fifth log line that says %s, which a stranger can cause",
      (failure) => {
        expect(watched()).toMatchObject({
          [`outlook-connect-prod-${failure.replaceAll("_", "-")}`]: 5,
        });
      },
    );

    it("go off when refresh tokens are lost, and not each day for one that nobody reconnects", () => {
      const logs = prod
        .resources("AWS::Logs::MetricFilter")
        .filter(
          ({ Properties }) => Properties.FilterPattern === '{ $.failure = "refresh_token_lost" }',
        )
        .map(({ Properties }) => prod.readable(Properties.LogGroupName));

      expect(watched()).toMatchObject({ "outlook-connect-prod-refresh-token-lost": 5 });
      expect(logs).toEqual(["TokenFetchLogs"]);
    });

    it("go off when Microsoft refuses the app ten times for a reason that may be one tenant's", () => {
      const logs = prod
        .resources("AWS::Logs::MetricFilter")
        .filter(({ Properties }) => Properties.FilterPattern === '{ $.failure = "app_refused" }')
        .map(({ Properties }) => prod.readable(Properties.LogGroupName));

      expect(watched()).toMatchObject({ "outlook-connect-prod-app-refused": 10 });
      expect(logs).toEqual(["CompleteLogs", "AdminConsentCallbackLogs", "TokenFetchLogs"]);
    });

    it("go off when the account's mail comes back or is complained of, before Amazon SES stops it", () => {
      const reputation = prod
        .resources("AWS::CloudWatch::Alarm")
        .map(({ Properties }) => Properties)
        .filter(({ Namespace }) => Namespace === "AWS/SES");

      expect(reputation).toHaveLength(2);
      for (const [name, metric, threshold] of [
        ["mail-bounces", "Reputation.BounceRate", 0.05],
        ["mail-complaints", "Reputation.ComplaintRate", 0.001],
      ]) {
        const alarm = reputation.find(({ MetricName }) => MetricName === metric);
        expect(alarm).toMatchObject({
          AlarmName: `outlook-connect-prod-${name}`,
          Statistic: "Maximum",
          Period: 3600,
          EvaluationPeriods: 1,
          Threshold: threshold,
          ComparisonOperator: "GreaterThanOrEqualToThreshold",
          // Nothing is published while nothing is sent, and that mends no reputation.
          TreatMissingData: "ignore",
        });
        // The account's, in which SES judges all senders together.
        expect(alarm).not.toHaveProperty("Dimensions");
      }
      expect(Object.keys(watched())).toContain("outlook-connect-prod-mail-bounces");
    });

    it("tell the end of the app's credential four times, and that nobody knows it once", () => {
      const credential = prod
        .resources("AWS::CloudWatch::Alarm")
        .map(({ Properties }) => Properties)
        .filter(({ AlarmName }) => /-app-credential-end/.test(String(AlarmName)));
      const twelveHours = {
        Period: 43_200,
        EvaluationPeriods: 2,
        Namespace: "OutlookConnect/prod",
      };

      expect(credential).toHaveLength(5);
      for (const days of [60, 30, 14, 7]) {
        expect(credential).toContainEqual(
          expect.objectContaining({
            ...twelveHours,
            AlarmName: `outlook-connect-prod-app-credential-ends-in-${days}-days`,
            MetricName: "app_credential_days_left",
            Statistic: "Minimum",
            Threshold: days,
            ComparisonOperator: "LessThanOrEqualToThreshold",
            DatapointsToAlarm: 1,
            TreatMissingData: "missing",
          }),
        );
      }
      expect(credential).toContainEqual(
        expect.objectContaining({
          ...twelveHours,
          AlarmName: "outlook-connect-prod-app-credential-end-unknown",
          MetricName: "app_credential_end_told",
          Statistic: "Sum",
          Threshold: 1,
          ComparisonOperator: "LessThanThreshold",
          DatapointsToAlarm: 2,
          TreatMissingData: "breaching",
        }),
      );
      const filters = prod
        .resources("AWS::Logs::MetricFilter")
        .filter(({ Properties }) =>
          /credential(DaysLeft|End)/.test(String(Properties.FilterPattern)),
        )
        .map(({ Properties }) => [
          prod.readable(Properties.LogGroupName),
          Properties.FilterPattern,
          Properties.MetricTransformations,
        ]);
      expect(filters).toEqual([
        [
          "CredentialExpiryLogs",
          '{ $.credentialDaysLeft = "*" }',
          [
            {
              MetricName: "app_credential_days_left",
              MetricNamespace: "OutlookConnect/prod",
              MetricValue: "$.credentialDaysLeft",
            },
          ],
        ],
        [
          "CredentialExpiryLogs",
          '{ $.credentialEnd = "*" }',
          [
            {
              MetricName: "app_credential_end_told",
              MetricNamespace: "OutlookConnect/prod",
              MetricValue: "1",
            },
          ],
        ],
      ]);
    });

    it("are taken by the topic from CloudWatch of this account, and from roles of it", () => {
      const [policy, ...others] = prod.resources("AWS::SNS::TopicPolicy");
      const allowed = policyDocument
        .parse(policy?.Properties.PolicyDocument)
        .Statement.filter(({ Effect }) => Effect === "Allow");

      expect(others).toEqual([]);
      expect(allowed).toEqual([
        expect.objectContaining({
          Principal: { Service: "cloudwatch.amazonaws.com" },
          Action: "sns:Publish",
          Condition: { StringEquals: { "aws:SourceAccount": { Ref: "AWS::AccountId" } } },
        }),
      ]);
      const usersOfKey = policyDocument
        .parse(prod.resource("AWS::KMS::Key", "OperationsKey").Properties.KeyPolicy)
        .Statement.map(({ Sid }) => Sid);
      expect(usersOfKey).toEqual([undefined, "Logs", "Alarms"]);
    });

    describe("of keys and secrets, which CloudTrail reports,", () => {
      const secretNames = ["SignInKeys", "TokenKeys", "ClientCredential"] as const;
      const key = "arn:aws:kms:us-east-1:123456789012:key/DataKey";
      const secret = (name: string) => ({
        name: `${name}-Q0wErTyUiOpA`,
        withoutEnd: `arn:aws:secretsmanager:us-east-1:123456789012:secret:${name}-Q0wErTyUiOpA`,
        arn: `arn:aws:secretsmanager:us-east-1:123456789012:secret:${name}-Q0wErTyUiOpA-a1B2c3`,
      });

      const isTold = (service: "kms" | "secretsmanager", call: Record<string, unknown>) => {
        const values = new TemplateValues(
          { data: prod.data, service: prod.service },
          { secretArns: Object.fromEntries(secretNames.map((name) => [name, secret(name).arn])) },
        );
        const [rule, ...others] = values
          .resourcesOf("AWS::Events::Rule")
          .filter(({ properties }) => JSON.stringify(properties).includes("via CloudTrail"));
        if (!rule || others.length > 0) expect.fail("there is not one such rule");
        expect(JSON.stringify(rule.properties.Targets)).toMatch(/AlarmsTopic.*AlarmsEventsRole/);
        const { EventPattern } = values.read(rule, "EventPattern");
        return matches(EventPattern, {
          source: `aws.${service}`,
          "detail-type": "AWS API Call via CloudTrail",
          detail: { eventSource: `${service}.amazonaws.com`, ...call },
        });
      };

      it.for(["DisableKey", "ScheduleKeyDeletion", "PutKeyPolicy", "CreateGrant"])(
        "tell of %s",
        (eventName) => {
          for (const keyId of [key, "DataKey"]) {
            const call = {
              eventName,
              requestParameters: { keyId },
              userIdentity: { type: "Root" },
            };
            expect(isTold("kms", call)).toBe(true);
          }
          const other = { eventName, requestParameters: { keyId: `${key}2` } };
          expect(isTold("kms", other)).toBe(false);
        },
      );

      it.for(["PutResourcePolicy", "DeleteResourcePolicy", "ReplicateSecretToRegions"])(
        "tell of %s, however the secret is named",
        (eventName) => {
          for (const secretId of secretNames.flatMap((name) => Object.values(secret(name)))) {
            const call = { eventName, requestParameters: { secretId } };
            expect(isTold("secretsmanager", call), secretId).toBe(true);
          }
          const other = { eventName, requestParameters: { secretId: secret("Other").arn } };
          expect(isTold("secretsmanager", other)).toBe(false);
        },
      );

      it("tell neither of grants that a service asks for, nor of a rotation", () => {
        const grant = {
          eventName: "CreateGrant",
          requestParameters: { keyId: key },
          userIdentity: { invokedBy: "dynamodb.amazonaws.com" },
        };
        const rotation = {
          eventName: "PutSecretValue",
          requestParameters: { secretId: secret("TokenKeys").arn },
        };

        expect(isTold("kms", grant)).toBe(false);
        expect(isTold("secretsmanager", rotation)).toBe(false);
      });
    });

    it("travel encrypted only", () => {
      const [topic] = prod.resources("AWS::SNS::Topic");
      const [policy] = prod.resources("AWS::SNS::TopicPolicy");

      expect(prod.readable(topic?.Properties.KmsMasterKeyId)).toBe("OperationsKey");
      expect(policy?.Properties.PolicyDocument).toMatchObject({
        Statement: expect.arrayContaining([
          expect.objectContaining({
            Effect: "Deny",
            Condition: { Bool: { "aws:SecureTransport": "false" } },
          }),
        ]),
      });
    });
  });

  describe("connections that nobody uses", () => {
    it("are looked through twice an hour, by one run at a time", () => {
      const [keepAlive] = prod
        .resources("AWS::Lambda::Function")
        .filter(({ Properties }) => Properties.FunctionName === "outlook-connect-prod-keep-alive");
      const [rule] = prod
        .resources("AWS::Events::Rule")
        .filter(({ Properties }) => Properties.ScheduleExpression === "rate(30 minutes)");

      expect(keepAlive?.Properties).toMatchObject({
        ReservedConcurrentExecutions: 1,
        Timeout: 300,
      });
      expect(JSON.stringify(rule?.Properties.Targets)).toContain("KeepAlive");
    });

    it("raise an alarm when one has been due for a week, and when nobody looked for a day", () => {
      const alarms = prod
        .resources("AWS::CloudWatch::Alarm")
        .map(({ Properties }) => Properties)
        .filter(({ AlarmName }) => String(AlarmName).includes("keep-alive-"));

      expect(alarms).toEqual([
        expect.objectContaining({
          AlarmName: "outlook-connect-prod-keep-alive-behind",
          MetricName: "keep_alive_overdue_days",
          Statistic: "Maximum",
          Threshold: 7,
          ComparisonOperator: "GreaterThanOrEqualToThreshold",
        }),
        expect.objectContaining({
          AlarmName: "outlook-connect-prod-keep-alive-missing",
          MetricName: "refresh_token_oldest_days",
          Statistic: "SampleCount",
          Period: 21_600,
          EvaluationPeriods: 4,
          DatapointsToAlarm: 4,
          Threshold: 1,
          ComparisonOperator: "LessThanThreshold",
          TreatMissingData: "breaching",
        }),
      ]);
    });

    it("are counted by what became of them, and by the age of their refresh tokens", () => {
      const counted = prod
        .resources("AWS::Logs::MetricFilter")
        .filter(({ Properties }) => prod.readable(Properties.LogGroupName) === "KeepAliveLogs")
        .map(({ Properties }) => String(Properties.FilterPattern));

      for (const field of [
        ...["kept", "ended", "refused", "left"].map((outcome) => `$.keptAlive.${outcome}`),
        ...["0_7", "7_14", "14_30", "30_60", "60_80", "80_up"].map(
          (age) => `$.refreshTokenAges.days_${age}`,
        ),
        "$.oldestDays",
        "$.overdueDays",
      ]) {
        expect(counted).toContain(`{ ${field} = "*" }`);
      }
    });
  });

  describe("approvals", () => {
    it("resume those who wait each minute", () => {
      const schedules = prod
        .resources("AWS::Events::Rule")
        .filter(({ Properties }) => "ScheduleExpression" in Properties);

      const [eachMinute, ...others] = schedules.filter(
        ({ Properties }) => Properties.ScheduleExpression === "rate(1 minute)",
      );
      expect(others).toEqual([]);
      expect(JSON.stringify(eachMinute?.Properties.Targets)).toContain("ResumeWaiting");
    });

    it("raise an alarm when no run of the notices ended for half an hour", () => {
      const filters = prod
        .resources("AWS::Logs::MetricFilter")
        .filter(({ Properties }) => String(Properties.FilterPattern).includes("peopleTold"))
        .map(({ Properties }) => [
          prod.readable(Properties.LogGroupName),
          Properties.FilterPattern,
          Properties.MetricTransformations,
        ]);
      const alarms = prod
        .resources("AWS::CloudWatch::Alarm")
        .map(({ Properties }) => Properties)
        .filter(({ AlarmName }) => String(AlarmName).includes("notices-"));

      expect(filters).toEqual([
        [
          "ResumeWaitingLogs",
          '{ $.peopleTold = "*" }',
          [
            {
              MetricName: "notices_people_told",
              MetricNamespace: "OutlookConnect/prod",
              MetricValue: "$.peopleTold",
            },
          ],
        ],
      ]);
      expect(alarms).toEqual([
        expect.objectContaining({
          AlarmName: "outlook-connect-prod-notices-missing",
          Namespace: "OutlookConnect/prod",
          MetricName: "notices_people_told",
          Statistic: "SampleCount",
          Period: 600,
          EvaluationPeriods: 3,
          DatapointsToAlarm: 3,
          Threshold: 1,
          ComparisonOperator: "LessThanThreshold",
          TreatMissingData: "breaching",
        }),
      ]);
    });

    it("mail over TLS only, track nobody, and hear of bounces and complaints of their own mails", () => {
      const [set] = prod.resources("AWS::SES::ConfigurationSet");
      const [destination] = prod.resources("AWS::SES::ConfigurationSetEventDestination");
      const [rule] = prod
        .resources("AWS::Events::Rule")
        .filter(({ Properties }) => JSON.stringify(Properties).includes("aws.ses"));

      expect(set?.Properties).toMatchObject({
        Name: "outlook-connect-prod",
        DeliveryOptions: { TlsPolicy: "REQUIRE" },
        SuppressionOptions: { SuppressedReasons: ["BOUNCE", "COMPLAINT"] },
      });
      expect(set?.Properties).not.toHaveProperty("TrackingOptions");
      expect(destination?.Properties.EventDestination).toMatchObject({
        Enabled: true,
        MatchingEventTypes: ["bounce", "complaint"],
      });
      expect(rule?.Properties.EventPattern).toMatchObject({
        source: ["aws.ses"],
        detail: { mail: { tags: { "ses:configuration-set": ["outlook-connect-prod"] } } },
      });
    });

    it("are counted, step by step, with the time they take and the people they bring back", () => {
      const metrics = new Set(
        prod
          .resources("AWS::Logs::MetricFilter")
          .filter(({ Properties }) => String(Properties.FilterPattern).includes("$.step"))
          .flatMap(({ Properties }) =>
            z
              .array(z.object({ MetricName: z.string() }))
              .parse(Properties.MetricTransformations)
              .map(({ MetricName }) => MetricName),
          ),
      );

      expect([...metrics].toSorted()).toEqual([
        "approval_blocked",
        "approval_lost",
        "approval_mailed",
        "approval_opened",
        "approval_people_resumed",
        "approval_reported",
        "approval_requested",
        "approval_resumed",
        "approval_seconds_to_verified",
        "approval_verified",
      ]);
    });
  });
});
