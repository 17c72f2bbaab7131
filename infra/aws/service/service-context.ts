import { Rule, type RuleProps } from "aws-cdk-lib/aws-events";
import { LambdaFunction as LambdaTarget } from "aws-cdk-lib/aws-events-targets";
import type { IKey } from "aws-cdk-lib/aws-kms";
import { type Stack, Validations } from "aws-cdk-lib/core";
import { AppCredential } from "../constructs/app-credential.ts";
import type { MailService } from "../constructs/mail-service.ts";
import type { PublicApi } from "../constructs/public-api.ts";
import { RequestFunction, type RequestFunctionProps } from "../constructs/request-function.ts";
import type { DataStack } from "../data-stack.ts";
import type { Stage } from "../stages.ts";
import { type Settings, settingsOf } from "./settings.ts";

export interface ServiceContextProps {
  readonly stage: Stage;
  readonly data: DataStack;
  /** Holds a folder of bundled code for each function. */
  readonly bundles: string;
  /** Encrypts the logs of functions. */
  readonly logKey: IKey;
  readonly api: PublicApi;
  readonly mail: MailService;
}

/**
 * What the functions of the service stack share. Whatever is defined has the stack itself as its scope: CloudFormation
 * knows resources by their place in it.
 */
export class ServiceContext {
  readonly stack: Stack;
  readonly stage: Stage;
  readonly data: DataStack;
  readonly api: PublicApi;
  readonly mail: MailService;
  readonly appCredential: AppCredential;
  readonly settings: Settings;
  readonly #common: Pick<RequestFunctionProps, "stage" | "bundles" | "logKey">;

  constructor(stack: Stack, { stage, data, bundles, logKey, api, mail }: ServiceContextProps) {
    this.stack = stack;
    this.stage = stage;
    this.data = data;
    this.api = api;
    this.mail = mail;
    this.appCredential = new AppCredential(stage, data.clientCredential);
    this.settings = settingsOf(this);
    this.#common = { stage, bundles, logKey };
  }

  /** Is the vault of new refresh tokens the table? Out of the vault that is not chosen, tokens are only taken away. */
  get keepsTokensInTable(): boolean {
    return this.stage.tokenVault === "table";
  }

  define(
    id: string,
    props: Omit<RequestFunctionProps, "stage" | "bundles" | "logKey">,
  ): RequestFunction {
    return new RequestFunction(this.stack, id, { ...props, ...this.#common });
  }

  /** Lets EventBridge invoke a function. It tries for a while what does not work at once. */
  invoke(id: string, target: RequestFunction, props: RuleProps): void {
    const rule = new Rule(this.stack, id, { ...props, targets: [new LambdaTarget(target.lambda)] });
    Validations.of(rule).acknowledge({
      id: "Serverless-EventBusDLQ",
      reason:
        "What is missed is made up for: by the next minute, or by Amazon SES, which sends nothing to an address that bounced. A queue would keep addresses in clear.",
    });
  }
}
