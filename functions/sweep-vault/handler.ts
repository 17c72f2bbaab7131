import type { Context } from "aws-lambda";
import { logger, logRunFault } from "../../shared/logger.ts";
import { type SweepVaultPorts, sweepVault } from "./sweep-vault.ts";

/** Invoked each hour; what it is invoked with says nothing. */
export const sweepVaultHandler =
  (ports: Omit<SweepVaultPorts, "report">) =>
  async (_event: unknown, context: Context): Promise<void> => {
    logger.begin(context);
    const report = (error: unknown) => {
      logRunFault("vault entries not swept", error);
    };
    try {
      const { refused, ...sweptVault } = await sweepVault({ ...ports, report });
      if (refused) {
        logger.error("too many vault entries are named by no connection; none was erased", {
          failure: "sweep_refused",
          sweptVault,
        });
      } else {
        logger.info("the vaults were swept", { sweptVault });
      }
    } catch (error) {
      // Nothing is erased before everything was read; tomorrow's run of this part finds it as it is.
      report(error);
    }
  };
