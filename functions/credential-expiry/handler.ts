import type { Context } from "aws-lambda";
import { errorFields, logger } from "../../shared/logger.ts";
import {
  type CredentialEnd,
  type MeasureCredentialPorts,
  measureCredential,
} from "./measure-credential.ts";

/** One line for each outcome; metrics read it, and an alarm misses it when no end is told. */
const tell = (end: CredentialEnd): void => {
  switch (end.kind) {
    case "known":
      logger.info("the app's stored credential ends", {
        credentialEnd: "known",
        credential: end.of,
        credentialDaysLeft: end.daysLeft,
      });
      break;
    case "never":
      logger.info("the app's only credential is federated, which has no end", {
        credentialEnd: "never",
        credential: "federated",
      });
      break;
    case "unknown":
      logger.warn("nobody wrote down when the app's credential ends", {
        failure: "app_credential_end_unknown",
        actor: "operator",
      });
      break;
    case "none":
      logger.warn("the app has no credential", {
        failure: "app_credential_missing",
        actor: "operator",
      });
      break;
    default:
      end satisfies never;
  }
};

/** Invoked twice a day; what it is invoked with says nothing. */
export const credentialExpiryHandler =
  (ports: MeasureCredentialPorts) =>
  async (_event: unknown, context: Context): Promise<void> => {
    logger.powertools.resetKeys();
    logger.powertools.addContext(context);
    try {
      tell(await measureCredential(ports));
    } catch (error) {
      logger.error("the app's credential could not be read", {
        failure: "internal_error",
        error: errorFields(error),
      });
    }
  };
