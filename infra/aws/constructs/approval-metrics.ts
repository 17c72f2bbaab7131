import { FilterPattern, MetricFilter } from "aws-cdk-lib/aws-logs";
import { Construct } from "constructs";
import type { Stage } from "../stages.ts";
import type { RequestFunction } from "./request-function.ts";

export interface ApprovalMetricsProps {
  readonly stage: Stage;
  /** Which functions take which step, as their log lines name it in `step`. */
  readonly steps: Readonly<Record<string, readonly RequestFunction[]>>;
}

/**
 * How far organisations come on the way from a blocked user to everybody connected, counted from log lines: how often
 * each step is taken, how long an approval takes, and how many people each one brings back.
 */
export class ApprovalMetrics extends Construct {
  constructor(scope: Construct, id: string, { stage, steps }: ApprovalMetricsProps) {
    super(scope, id);
    const metricNamespace = `OutlookConnect/${stage.name}`;
    const count = (step: string, by: RequestFunction, metricName: string, metricValue: string) =>
      new MetricFilter(this, `${metricName}-${by.node.id}`, {
        logGroup: by.logs,
        filterPattern:
          metricValue === "1"
            ? FilterPattern.stringValue("$.step", "=", step)
            : FilterPattern.all(
                FilterPattern.stringValue("$.step", "=", step),
                FilterPattern.exists(metricValue),
              ),
        metricNamespace,
        metricName,
        metricValue,
      });
    for (const [step, functions] of Object.entries(steps)) {
      for (const each of functions) {
        count(step, each, `approval_${step}`, "1");
        if (step === "verified") {
          count(step, each, "approval_seconds_to_verified", "$.sinceRequestedSeconds");
        }
        if (step === "resumed") count(step, each, "approval_people_resumed", "$.people");
      }
    }
  }
}
