import { PolicyStatement } from "aws-cdk-lib/aws-iam";
import { CfnConfigurationSet, CfnConfigurationSetEventDestination } from "aws-cdk-lib/aws-ses";
import { Aws, Stack } from "aws-cdk-lib/core";
import { Construct } from "constructs";
import type { Stage } from "../stages.ts";
import type { RequestFunction } from "./request-function.ts";

/** SES tells the account's default event bus, the only one it knows. */
const defaultBus = "default";

/**
 * Mail through Amazon SES, under an identity that the operator has verified. Nothing is tracked: a rewritten link would
 * hand approval links to a third address.
 */
export class MailService extends Construct {
  /** A sender with its name. RFC 5322 §3.4 */
  readonly from: string;
  readonly configurationSet: string;
  /** What SES tells of mail that does not arrive or is not wanted. */
  readonly events: {
    readonly source: string[];
    readonly detailType: string[];
    readonly detail: Readonly<Record<string, unknown>>;
  };
  readonly #fromAddress: string;
  readonly #resources: readonly string[];

  constructor(scope: Construct, id: string, stage: Stage) {
    super(scope, id);
    const { fromName, fromAddress, identity } = stage.mail;
    this.from = `${fromName} <${fromAddress}>`;
    this.#fromAddress = fromAddress;
    this.configurationSet = `outlook-connect-${stage.name}`;
    const set = new CfnConfigurationSet(this, "ConfigurationSet", {
      name: this.configurationSet,
      deliveryOptions: { tlsPolicy: "REQUIRE" },
      reputationOptions: { reputationMetricsEnabled: true },
      sendingOptions: { sendingEnabled: true },
      suppressionOptions: { suppressedReasons: ["BOUNCE", "COMPLAINT"] },
    });
    const destination = new CfnConfigurationSetEventDestination(this, "Events", {
      configurationSetName: this.configurationSet,
      eventDestination: {
        enabled: true,
        matchingEventTypes: ["bounce", "complaint"],
        eventBridgeDestination: {
          eventBusArn: Stack.of(this).formatArn({
            service: "events",
            resource: "event-bus",
            resourceName: defaultBus,
          }),
        },
      },
    });
    destination.addResourceDependency(set);
    this.events = {
      source: ["aws.ses"],
      detailType: ["Email Bounced", "Email Complaint Received"],
      detail: { mail: { tags: { "ses:configuration-set": [this.configurationSet] } } },
    };
    const arn = (resource: string, resourceName: string) =>
      Stack.of(this).formatArn({ service: "ses", resource, resourceName, region: Aws.REGION });
    this.#resources = [arn("identity", identity), arn("configuration-set", this.configurationSet)];
  }

  /** Mail from our own sender, and nothing else. */
  grantSend({ role }: RequestFunction): void {
    role.addToPolicy(
      new PolicyStatement({
        actions: ["ses:SendEmail"],
        resources: [...this.#resources],
        conditions: { StringEquals: { "ses:FromAddress": this.#fromAddress } },
      }),
    );
  }
}
