import { join } from "node:path";
import {
  type IGrantable,
  type IPrincipal,
  PolicyStatement,
  Role,
  ServicePrincipal,
} from "aws-cdk-lib/aws-iam";
import type { IKey } from "aws-cdk-lib/aws-kms";
import {
  Architecture,
  Code,
  Function as LambdaFunction,
  LoggingFormat,
  Runtime,
  Tracing,
} from "aws-cdk-lib/aws-lambda";
import { LogGroup, type RetentionDays } from "aws-cdk-lib/aws-logs";
import { Aws, Duration, Validations } from "aws-cdk-lib/core";
import { Construct } from "constructs";
import type { Stage } from "../stages.ts";
import { operationsRemovalPolicy } from "./removal-policy.ts";

export const functionName = (stage: Stage, name: string): string =>
  `outlook-connect-${stage.name}-${name}`;

/** Named, so that policies elsewhere can speak of it before it exists; once for each Region. */
export const roleName = (stage: Stage, name: string): string =>
  `${functionName(stage, name)}-${Aws.REGION}`;

/** The role of a function of this account, whether it is there yet or not. */
export const roleArn = (stage: Stage, name: string): string =>
  `arn:${Aws.PARTITION}:iam::${Aws.ACCOUNT_ID}:role/${roleName(stage, name)}`;

export interface RequestFunctionProps {
  readonly stage: Stage;
  /** Its folder under `functions/`. */
  readonly name: string;
  readonly description: string;
  /** Holds a folder of bundled code for each function. */
  readonly bundles: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly timeoutSeconds: number;
  /** Encrypts its logs. */
  readonly logKey: IKey;
  readonly reservedConcurrency?: number | undefined;
  /** For events that must not be missed. @default none: what nobody waits for is a mistake */
  readonly asynchronous?: { readonly retries: number; readonly maxEventAgeSeconds: number };
}

/**
 * One request's function with a role and a log group of its own, and no permission but to write
 * there: the stack grants what the request needs.
 */
export class RequestFunction extends Construct implements IGrantable {
  /** Its folder under `functions/`. */
  readonly name: string;
  readonly lambda: LambdaFunction;
  readonly logs: LogGroup;
  readonly role: Role;
  readonly timeoutSeconds: number;
  readonly grantPrincipal: IPrincipal;

  constructor(scope: Construct, id: string, props: RequestFunctionProps) {
    super(scope, id);
    const { stage, name, timeoutSeconds, reservedConcurrency } = props;
    this.name = name;
    this.timeoutSeconds = timeoutSeconds;
    this.logs = new LogGroup(this, "Logs", {
      logGroupName: `/aws/lambda/${functionName(stage, name)}`,
      retention: stage.logRetentionDays satisfies RetentionDays,
      encryptionKey: props.logKey,
      removalPolicy: operationsRemovalPolicy(stage),
    });
    this.role = new Role(this, "Role", {
      roleName: roleName(stage, name),
      assumedBy: new ServicePrincipal("lambda.amazonaws.com"),
    });
    this.role.addToPolicy(
      new PolicyStatement({
        actions: ["logs:CreateLogStream", "logs:PutLogEvents"],
        resources: [this.logs.logGroupArn],
      }),
    );
    this.grantPrincipal = this.role;
    this.lambda = new LambdaFunction(this, "Function", {
      functionName: functionName(stage, name),
      description: props.description,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      code: Code.fromAsset(join(props.bundles, name)),
      handler: "index.handler",
      memorySize: 512,
      timeout: Duration.seconds(timeoutSeconds),
      role: this.role,
      logGroup: this.logs,
      loggingFormat: LoggingFormat.JSON,
      tracing: Tracing.ACTIVE,
      environment: {
        ...props.environment,
        POWERTOOLS_SERVICE_NAME: "outlook-connect",
        POWERTOOLS_LOG_LEVEL: "INFO",
      },
      // A request is answered to whoever waits for it. One sent without waiting is a mistake: it is neither
      // repeated nor kept anywhere with what it was given.
      retryAttempts: props.asynchronous?.retries ?? 0,
      maxEventAge: Duration.seconds(props.asynchronous?.maxEventAgeSeconds ?? 60),
      ...(reservedConcurrency && { reservedConcurrentExecutions: reservedConcurrency }),
    });
    Validations.of(this.role).acknowledge({
      id: "AwsSolutions-IAM5[Resource::*]",
      reason: "X-Ray's two write actions know no resources; every other statement names its own.",
    });
    Validations.of(this.lambda).acknowledge(
      {
        id: "Serverless-LambdaDLQ",
        reason: "What it is given is kept nowhere: a queue would hold it in clear.",
      },
      {
        id: "Serverless-LambdaAsyncFailureDestination",
        reason: "What it is given is kept nowhere: a destination would hold it in clear.",
      },
    );
  }
}
