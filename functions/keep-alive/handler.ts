import type { Context } from "aws-lambda";
import type { QueuedConnection } from "../../shared/domain/keep-alive.ts";
import { errorFields, logger, logUnreadable } from "../../shared/logger.ts";
import {
  ageBuckets,
  type KeepAlivePorts,
  type KeepAliveRun,
  keepAlive,
  type TokenServiceOutcome,
} from "./keep-alive.ts";

export interface KeepAliveHandlerPorts
  extends Omit<KeepAlivePorts, "refresh" | "report" | "noteUnreadable"> {
  /** @param runId stands in the log lines of the token service */
  readonly refresh: (connection: QueuedConnection, runId: string) => Promise<TokenServiceOutcome>;
}

/** `days_0_7`, `days_7_14`, … and `days_80_up`; a filter of CloudWatch names no field that begins with a digit. */
const named = (ages: KeepAliveRun["ages"]) =>
  Object.fromEntries(
    ages.map((count, index) => [
      `days_${ageBuckets[index - 1] ?? 0}_${ageBuckets[index] ?? "up"}`,
      count,
    ]),
  );

/** Invoked twice an hour; what it is invoked with says nothing. */
export const keepAliveHandler =
  ({ refresh, ...ports }: KeepAliveHandlerPorts) =>
  async (_event: unknown, context: Context): Promise<void> => {
    logger.begin(context);
    const report = (error: unknown) => {
      logger.error("connections not kept alive", {
        failure: "internal_error",
        error: errorFields(error),
      });
    };
    try {
      const { ages, oldestDays, overdueDays, ...keptAlive } = await keepAlive({
        ...ports,
        refresh: (connection) => refresh(connection, context.awsRequestId),
        report,
        noteUnreadable: logUnreadable,
      });
      logger.info("connections that nobody uses were looked through", {
        keptAlive,
        refreshTokenAges: named(ages),
        oldestDays,
        overdueDays,
      });
    } catch (error) {
      // The next run finds everything as it is.
      report(error);
    }
  };
