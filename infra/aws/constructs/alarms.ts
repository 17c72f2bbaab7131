import {
  Alarm,
  type AlarmProps,
  AlarmRule,
  AlarmState,
  ComparisonOperator,
  CompositeAlarm,
  type IMetric,
  MathExpression,
  Metric,
  TreatMissingData,
} from "aws-cdk-lib/aws-cloudwatch";
import { SnsAction } from "aws-cdk-lib/aws-cloudwatch-actions";
import { Rule } from "aws-cdk-lib/aws-events";
import { SnsTopic } from "aws-cdk-lib/aws-events-targets";
import { PolicyStatement, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import type { IKey } from "aws-cdk-lib/aws-kms";
import {
  FilterPattern,
  type IFilterPattern,
  type JsonPattern,
  MetricFilter,
} from "aws-cdk-lib/aws-logs";
import { Subscription, SubscriptionProtocol, Topic } from "aws-cdk-lib/aws-sns";
import { Aws, Duration, Validations } from "aws-cdk-lib/core";
import { Construct } from "constructs";
import type { Stage } from "../stages.ts";
import type { KeptSecret } from "./kept-secret.ts";
import type { PublicApi } from "./public-api.ts";
import type { RequestFunction } from "./request-function.ts";

/** As the keep-alive names them: from so many days up to so many. */
const refreshTokenAges = ["0_7", "7_14", "14_30", "30_60", "60_80", "80_up"] as const;

const fiveMinutes = Duration.minutes(5);

/** What is said of the sums of several counts. */
const mathOf = (
  expression: string,
  counts: Readonly<Record<string, MetricFilter>>,
  period: Duration,
): MathExpression =>
  new MathExpression({
    expression,
    usingMetrics: Object.fromEntries(
      Object.entries(counts).map(([name, count]) => [
        name,
        count.metric({ statistic: "Sum", period }),
      ]),
    ),
    period,
  });

export interface AlarmsProps {
  readonly stage: Stage;
  /** Encrypts what the topic carries. */
  readonly topicKey: IKey;
}

/** What the operator is told before users notice. */
export class Alarms extends Construct {
  readonly #topic: Topic;
  readonly #stage: Stage;

  constructor(scope: Construct, id: string, { stage, topicKey }: AlarmsProps) {
    super(scope, id);
    this.#stage = stage;
    this.#topic = new Topic(this, "Topic", { masterKey: topicKey, enforceSSL: true });
    this.#topic.addToResourcePolicy(
      new PolicyStatement({
        sid: "Alarms",
        principals: [new ServicePrincipal("cloudwatch.amazonaws.com")],
        actions: ["sns:Publish"],
        resources: [this.#topic.topicArn],
        conditions: { StringEquals: { "aws:SourceAccount": Aws.ACCOUNT_ID } },
      }),
    );
    if (stage.alarmEmail) {
      const subscription = new Subscription(this, "Email", {
        topic: this.#topic,
        protocol: SubscriptionProtocol.EMAIL,
        endpoint: stage.alarmEmail,
      });
      Validations.of(subscription).acknowledge({
        id: "Serverless-SNSRedrivePolicy",
        reason: "An alarm that could not be mailed is still to be seen in CloudWatch.",
      });
    }
  }

  /** A function that fails or is held back: `atLeast` times within five minutes. */
  watch(
    name: string,
    { lambda }: RequestFunction,
    { atLeast }: { readonly atLeast: number },
  ): void {
    this.#alarm(
      `${name}-errors`,
      `${name} failed in a way nobody was to expect.`,
      lambda.metricErrors({ period: fiveMinutes }),
      atLeast,
    );
    this.#alarm(
      `${name}-throttles`,
      `${name} was called more often than its concurrency allows.`,
      lambda.metricThrottles({ period: fiveMinutes }),
      1,
    );
  }

  /** What API Gateway answers by itself, of which no function has a log line. The access log writes every value as text. */
  watchApi({ accessLog, node }: PublicApi): void {
    const of = { logs: accessLog, node };
    const broken = this.#counted(
      of,
      "api_server_errors",
      // What functions answer, also that Microsoft is unwell, is no error of the gateway: those fields are a dash then.
      FilterPattern.all(
        FilterPattern.stringValue("$.status", "=", "5*"),
        FilterPattern.any(
          FilterPattern.stringValue("$.gatewayError", "!=", "-"),
          FilterPattern.stringValue("$.integrationError", "!=", "-"),
        ),
      ),
    );
    this.#alarm(
      "api-server-errors",
      "The API answers 5xx by itself: a function broke, took too long or may not be invoked. The access log names the route and, in integrationError, the cause.",
      broken.metric({ statistic: "Sum", period: fiveMinutes }),
      5,
    );
    const throttled = this.#counted(
      of,
      "api_throttled",
      // Functions have limits of their own, for one person or one organisation; that field is a dash then.
      FilterPattern.all(
        FilterPattern.stringValue("$.status", "=", "429"),
        FilterPattern.stringValue("$.gatewayError", "!=", "-"),
      ),
    );
    this.#alarmForTenMinutes(
      "api-throttled",
      "The API turns requests away because there are too many: somebody floods it, or the throttling of the stage is too low for so many people. The access log names the route.",
      throttled,
      20,
    );
    const unauthorized = FilterPattern.stringValue("$.status", "=", "401");
    const refused = this.#counted(of, "api_unauthorized", unauthorized);
    this.#alarmForTenMinutes(
      "api-unauthorized",
      "Many sign-ins of the product are refused: its identity provider or its keys have changed, the stage names another issuer or audience, or somebody tries tokens. The access log says why in authorizerError.",
      refused,
      50,
    );
  }

  /** An expected failure that is the operator's to act on, counted by the `failure` of log lines. */
  watchFailure(
    failure: string,
    description: string,
    { of, atLeast }: { readonly of: readonly RequestFunction[]; readonly atLeast: number },
  ): void {
    const [metric] = of.map((each) =>
      this.#counted(each, failure, FilterPattern.stringValue("$.failure", "=", failure)).metric({
        statistic: "Sum",
        period: fiveMinutes,
      }),
    );
    if (metric) this.#alarm(failure.replaceAll("_", "-"), description, metric, atLeast);
  }

  /**
   * The end of the app's credential, told at sixty days and again until seven. That nobody has measured it for a day is
   * an alarm of its own; the others then say that they know nothing, which is not that all is well.
   *
   * @param every how often it is measured
   */
  watchCredential(of: RequestFunction, every: Duration): void {
    const daysLeft = this.#read(of, "app_credential_days_left", "$.credentialDaysLeft").metric({
      statistic: "Minimum",
      period: every,
    });
    const ends = this.#counted(
      of,
      "app_credential_end_told",
      FilterPattern.exists("$.credentialEnd"),
    ).metric({ statistic: "Sum", period: every });
    for (const days of [60, 30, 14, 7]) {
      this.#define(`app-credential-ends-in-${days}-days`, {
        alarmDescription: `The app's credential at Microsoft ends in ${days} days or less, and with it every refresh: replace it.`,
        metric: daysLeft,
        threshold: days,
        comparisonOperator: ComparisonOperator.LESS_THAN_OR_EQUAL_TO_THRESHOLD,
        // One measurement may fall between two periods.
        evaluationPeriods: 2,
        datapointsToAlarm: 1,
        treatMissingData: TreatMissingData.MISSING,
      });
    }
    this.#define("app-credential-end-unknown", {
      alarmDescription:
        "Nobody knows when the app's credential at Microsoft ends: none is stored, its end was not written down, or it cannot be read.",
      metric: ends,
      threshold: 1,
      comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
      evaluationPeriods: 2,
      datapointsToAlarm: 2,
      treatMissingData: TreatMissingData.BREACHING,
    });
  }

  /**
   * That vault keys are not rotated, those of sign-ins or of tokens, whether it fails or is never tried.
   *
   * @param every how often it is measured
   */
  watchRotation(of: RequestFunction, every: Duration): void {
    const age = this.#read(of, "vault_key_age_days", "$.vaultKeyAgeDays");
    this.#define("vault-keys-not-rotated", {
      alarmDescription:
        "Vault keys were not rotated for six weeks, though it is due each month: Secrets Manager does not invoke rotate-vault-keys, or that fails.",
      metric: age.metric({ statistic: "Maximum", period: every }),
      threshold: 45,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      // One measurement may fall between two periods.
      evaluationPeriods: 2,
      datapointsToAlarm: 1,
      treatMissingData: TreatMissingData.MISSING,
    });
  }

  /**
   * Connections that nobody uses: that they are not refreshed is an alarm long before Microsoft forgets them, and so is
   * that nobody looks.
   */
  watchKeepAlive(of: RequestFunction): void {
    for (const outcome of ["kept", "ended", "refused", "left", "unreadable"]) {
      this.#read(of, `keep_alive_${outcome}`, `$.keptAlive.${outcome}`);
    }
    for (const age of refreshTokenAges) {
      this.#read(of, `refresh_tokens_${age}_days`, `$.refreshTokenAges.days_${age}`);
    }
    const oldest = this.#read(of, "refresh_token_oldest_days", "$.oldestDays");
    const overdue = this.#read(of, "keep_alive_overdue_days", "$.overdueDays");
    this.#define("keep-alive-behind", {
      alarmDescription:
        "A connection has waited for its renewal for a week; Microsoft forgets a refresh token that nobody uses for ninety days.",
      metric: overdue.metric({ statistic: "Maximum", period: Duration.hours(1) }),
      threshold: 7,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      evaluationPeriods: 3,
      datapointsToAlarm: 1,
      treatMissingData: TreatMissingData.MISSING,
    });
    this.#define("keep-alive-missing", {
      alarmDescription:
        "Connections that nobody uses were not looked through for a day: the function breaks, or is not invoked.",
      metric: oldest.metric({ statistic: "SampleCount", period: Duration.hours(6) }),
      threshold: 1,
      comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
      evaluationPeriods: 4,
      datapointsToAlarm: 4,
      treatMissingData: TreatMissingData.BREACHING,
    });
  }

  /** Those who wait for an approval are looked for each minute; that nobody looks is told after half an hour. */
  watchNotices(of: RequestFunction): void {
    const told = this.#read(of, "notices_people_told", "$.peopleTold");
    this.#define("notices-missing", {
      alarmDescription:
        "Those who wait for an approval were not looked for in half an hour, so nobody is told of one: the function breaks, or is not invoked.",
      metric: told.metric({ statistic: "SampleCount", period: Duration.minutes(10) }),
      threshold: 1,
      comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
      evaluationPeriods: 3,
      datapointsToAlarm: 3,
      treatMissingData: TreatMissingData.BREACHING,
    });
  }

  /**
   * Where Amazon SES reviews an account, of all whose mail it sends, and may stop it.
   *
   * @see https://docs.aws.amazon.com/ses/latest/dg/reputationdashboard-cloudwatch-alarm.html
   */
  watchMailReputation(): void {
    const rates = [
      {
        name: "mail-bounces",
        metricName: "Reputation.BounceRate",
        threshold: 0.05,
        alarmDescription:
          "Five in a hundred of the account's mails come back: Amazon SES reviews it, and may stop its mail at ten.",
      },
      {
        name: "mail-complaints",
        metricName: "Reputation.ComplaintRate",
        threshold: 0.001,
        alarmDescription:
          "One in a thousand of the account's mails is reported as spam: Amazon SES reviews it, and may stop its mail at five.",
      },
    ];
    for (const { name, metricName, threshold, alarmDescription } of rates) {
      this.#define(name, {
        alarmDescription,
        metric: new Metric({
          namespace: "AWS/SES",
          metricName,
          statistic: "Maximum",
          period: Duration.hours(1),
        }),
        threshold,
        comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        evaluationPeriods: 1,
        // Nothing is published while nothing is sent, and that mends no reputation.
        treatMissingData: TreatMissingData.IGNORE,
      });
    }
  }

  /** What is swept is counted; that nobody sweeps is told after a day, in which each part has its turn. */
  watchSweep(of: RequestFunction): void {
    const seen = this.#read(of, "vault_entries_seen", "$.sweptVault.seen");
    this.#read(of, "vault_entries_erased", "$.sweptVault.erased");
    this.#read(of, "vault_entries_left", "$.sweptVault.left");
    this.#define("sweep-missing", {
      alarmDescription:
        "Refresh tokens that no connection names were not looked for since a day: the function breaks, or is not invoked.",
      metric: seen.metric({ statistic: "SampleCount", period: Duration.hours(6) }),
      threshold: 1,
      comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
      evaluationPeriods: 4,
      datapointsToAlarm: 4,
      treatMissingData: TreatMissingData.BREACHING,
    });
  }

  /**
   * What ends the use of the key, without which nothing can be read, or changes who may use it and read the secrets, or
   * takes a secret to where nobody watches: told at once, by the calls that CloudTrail reports. One that AWS refused
   * may be reported without its parameters, and is not told then. DynamoDB gives a table whose key it cannot use seven
   * days. Grants that it asks for itself let nobody in.
   *
   * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
   */
  watchKeys(key: IKey, secrets: readonly KeptSecret[]): void {
    const ofKey = (...eventName: readonly string[]) => ({
      eventSource: ["kms.amazonaws.com"],
      eventName,
      requestParameters: { keyId: [key.keyId, key.keyArn] },
    });
    // A policy of the topic would let in the rules of every account, since EventBridge names none there.
    const role = new Role(this, "EventsRole", {
      assumedBy: new ServicePrincipal("events.amazonaws.com"),
    });
    Validations.of(role).acknowledge({
      id: "AwsSolutions-IAM5[Action::kms:GenerateDataKey*]",
      reason: "The ways of asking for a data key, of the one key that the topic has.",
    });
    const rule = new Rule(this, "KeysInDanger", {
      description:
        "The key of tables and secrets ends, or somebody changes who may use it or read the secrets.",
      eventPattern: {
        source: ["aws.kms", "aws.secretsmanager"],
        detailType: ["AWS API Call via CloudTrail"],
        detail: {
          $or: [
            ofKey("DisableKey", "ScheduleKeyDeletion", "PutKeyPolicy"),
            { ...ofKey("CreateGrant"), userIdentity: { invokedBy: [{ exists: false }] } },
            {
              eventSource: ["secretsmanager.amazonaws.com"],
              eventName: ["PutResourcePolicy", "DeleteResourcePolicy", "ReplicateSecretToRegions"],
              requestParameters: { secretId: secrets.flatMap(({ names }) => names) },
            },
          ],
        },
      },
      targets: [new SnsTopic(this.#topic, { role })],
    });
    Validations.of(rule).acknowledge({
      id: "Serverless-EventBusDLQ",
      reason:
        "One notice to people, which EventBridge tries to deliver for a day; nothing waits for it.",
    });
  }

  /**
   * The service as workers see it, whatever it is that breaks. What the keep-alive asks for is left out, and so is what
   * only a person, an administrator or the worker can mend.
   */
  watchFetches(of: RequestFunction): void {
    const count = (metricName: string, ...all: JsonPattern[]) =>
      // A nought where there is none, so that one can be set against another.
      this.#counted(of, metricName, FilterPattern.all(...all), "1", 0);
    const is = FilterPattern.stringValue;
    const byWorker = is("$.purpose", "=", "use");
    const isNotServed = is("$.message", "=", "token not served");
    const served = count("tokens_served", is("$.message", "=", "token served"), byWorker);
    const refused = count("tokens_not_served", isNotServed, byWorker);
    const failed = count(
      "tokens_failed",
      isNotServed,
      byWorker,
      FilterPattern.any(is("$.actor", "=", "operator"), is("$.actor", "=", "nobody")),
      // Said again without another try, as often as a worker asks.
      is("$.failure", "!=", "remembered_refusal"),
      is("$.failure", "!=", "lives_too_short"),
    );
    const ended = count(
      "connections_ended",
      FilterPattern.exists("$.ended"),
      is("$.ended", "!=", "connection_unused"),
      is("$.ended", "!=", "sign_in_frequency"),
    );
    const hour = Duration.hours(1);
    this.#define("tokens-failing", {
      alarmDescription:
        "For ten minutes more than a third of the tokens that workers asked for were not served, for reasons that neither they nor their organisations can mend.",
      metric: mathOf(
        "IF(served + failed >= 30, 100 * failed / (served + failed), 0)",
        { served, failed },
        Duration.minutes(10),
      ),
      threshold: 33,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      evaluationPeriods: 1,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    this.#define("connections-ending", {
      alarmDescription:
        "Within an hour twenty connections have ended or more, and at least one for a hundred tokens that workers asked for: Microsoft takes many grants back, or is misunderstood.",
      metric: mathOf(
        "IF(100 * ended >= served + refused, ended, 0)",
        { ended, served, refused },
        hour,
      ),
      threshold: 20,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      evaluationPeriods: 1,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    // Without any line of the log there is no number at all, for which an alarm would wait for hours.
    this.#watchSilence(mathOf("FILL(served, 0)", { served }, hour));
  }

  /** That nobody is served any more, where somebody was in nearly every hour of the day: a stage that is little used has pauses. */
  #watchSilence(servedInAnHour: IMetric): void {
    const none = this.#untold("tokens-none-in-an-hour", {
      alarmDescription: "No worker was served a token for an hour, which says nothing by itself.",
      metric: servedInAnHour,
      threshold: 1,
      comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
      evaluationPeriods: 1,
      treatMissingData: TreatMissingData.BREACHING,
    });
    const inMostHours = this.#untold("tokens-in-most-hours", {
      alarmDescription:
        "Workers were served tokens in twenty-two hours of the last day or more, which is as it should be.",
      metric: servedInAnHour,
      threshold: 1,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      evaluationPeriods: 24,
      datapointsToAlarm: 22,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    new CompositeAlarm(this, "tokens-missing", {
      compositeAlarmName: `outlook-connect-${this.#stage.name}-tokens-missing`,
      alarmDescription:
        "No worker was served a token for an hour, though in nearly every hour of the day before somebody was: workers do not reach the service, or are all refused.",
      alarmRule: AlarmRule.allOf(
        AlarmRule.fromAlarm(none, AlarmState.ALARM),
        AlarmRule.fromAlarm(inMostHours, AlarmState.ALARM),
      ),
    }).addAlarmAction(new SnsAction(this.#topic));
  }

  /**
   * Connecting a mailbox as people see it, from the button to the connection. What only they, their administrator or the
   * product's page can mend is left out. One person alone cannot end so many within ten minutes: they may have begun ten
   * before, as many as they are allowed, and begin ten again.
   */
  watchSignIns({ start, complete }: Readonly<Record<"start" | "complete", RequestFunction>>): void {
    const is = FilterPattern.stringValue;
    const isConnected = is("$.message", "=", "mailbox connected");
    const isNot = (failure: string) => is("$.failure", "!=", failure);
    this.#counted(start, "sign_ins_started", is("$.message", "=", "sign-in started"));
    this.#counted(
      complete,
      "sign_in_seconds",
      FilterPattern.all(isConnected, FilterPattern.exists("$.sinceStartedSeconds")),
      "$.sinceStartedSeconds",
    );
    const connected = this.#counted(complete, "mailboxes_connected", isConnected, "1", 0);
    const failed = this.#counted(
      complete,
      "sign_ins_failed",
      FilterPattern.all(
        is("$.message", "=", "mailbox not connected"),
        FilterPattern.any(is("$.actor", "=", "operator"), is("$.actor", "=", "nobody")),
        // Of those that end so, one person can bring back as many as they like.
        FilterPattern.notExists("$.byRedirect"),
        // Told again of one that is over or under way, or told to wait.
        isNot("failed_before"),
        isNot("in_progress"),
        isNot("approval_spreading"),
      ),
      "1",
      0,
    );
    this.#define("sign-ins-failing", {
      alarmDescription:
        "For ten minutes more sign-ins failed than connected a mailbox, for reasons that neither people nor their organisations can mend.",
      metric: mathOf(
        "IF(failed > 20, 100 * failed / (connected + failed), 0)",
        { connected, failed },
        Duration.minutes(10),
      ),
      threshold: 50,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      evaluationPeriods: 1,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
  }

  /** Answers that belong to no sign-in: somebody guesses, or the attempts are lost. */
  watchStates(of: RequestFunction): void {
    const unknown = FilterPattern.stringValue("$.failure", "=", "attempt_unknown");
    this.#alarmForTenMinutes(
      "attempt-unknown",
      "Many browsers bring answers to sign-ins that nobody began: somebody makes them up, or the table of attempts has lost them.",
      this.#counted(of, "attempt_unknown", unknown),
      50,
    );
  }

  /** Lines of a log, counted or summed up as a metric. */
  #counted(
    { logs, node }: Pick<RequestFunction, "logs" | "node">,
    metricName: string,
    filterPattern: IFilterPattern,
    metricValue = "1",
    defaultValue?: number,
  ): MetricFilter {
    return new MetricFilter(this, `${metricName}-${node.id}`, {
      logGroup: logs,
      filterPattern,
      metricNamespace: `OutlookConnect/${this.#stage.name}`,
      metricName,
      metricValue,
      ...(defaultValue !== undefined && { defaultValue }),
    });
  }

  /** A number that stands in lines of a log. */
  #read(of: RequestFunction, metricName: string, field: string): MetricFilter {
    return this.#counted(of, metricName, FilterPattern.exists(field), field);
  }

  /** Lines that anybody can cause: one burst of them is not told. */
  #alarmForTenMinutes(
    name: string,
    alarmDescription: string,
    lines: MetricFilter,
    threshold: number,
  ): void {
    this.#define(name, {
      alarmDescription,
      metric: lines.metric({ statistic: "Sum", period: fiveMinutes }),
      threshold,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      evaluationPeriods: 2,
      datapointsToAlarm: 2,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
  }

  #alarm(name: string, alarmDescription: string, metric: IMetric, threshold: number) {
    this.#define(name, {
      alarmDescription,
      metric,
      threshold,
      evaluationPeriods: 1,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
  }

  #define(name: string, props: AlarmProps) {
    this.#untold(name, props).addAlarmAction(new SnsAction(this.#topic));
  }

  /** An alarm that is a part of another one. */
  #untold(name: string, props: AlarmProps): Alarm {
    return new Alarm(this, name, {
      alarmName: `outlook-connect-${this.#stage.name}-${name}`,
      ...props,
    });
  }
}
