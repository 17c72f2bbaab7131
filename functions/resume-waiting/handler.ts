import type { Context } from "aws-lambda";
import { logger, logRunFault } from "../../shared/logger.ts";
import { type ResumeWaitingPorts, resumeWaiting } from "./resume-waiting.ts";

/** Invoked each minute; what it is invoked with says nothing. Two runs at once harm nobody. */
export const resumeWaitingHandler =
  (ports: Omit<ResumeWaitingPorts, "onResumed" | "report">) =>
  async (_event: unknown, context: Context): Promise<void> => {
    logger.begin(context);
    const report = (error: unknown) => {
      logRunFault("people not told of an approval", error);
    };
    let peopleTold = 0;
    try {
      await resumeWaiting({
        ...ports,
        onResumed: (organisation, people) => {
          peopleTold += people;
          logger.info("step of an approval", { step: "resumed", organisation, people });
        },
        report,
      });
      logger.info("run of the notices done", { peopleTold });
    } catch (error) {
      // The next run, a minute later, finds everything as it is.
      report(error);
    }
  };
