import type { Context } from "aws-lambda";
import type { VaultKeysFor } from "../../shared/domain/key-rotation.ts";
import { errorFields, logger } from "../../shared/logger.ts";
import {
  type CredentialEnd,
  dayMilliseconds,
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

export interface CredentialExpiryPorts extends MeasureCredentialPorts {
  /** When the newest key of each was made. */
  readonly vaultKeysRotatedAt: Readonly<Record<VaultKeysFor, () => Promise<Date>>>;
}

/** No measurement keeps another from being told. */
const measured = async (
  what: string,
  measure: () => Promise<void>,
  of: { readonly vaultKeys?: VaultKeysFor } = {},
): Promise<void> => {
  try {
    await measure();
  } catch (error) {
    logger.error(`${what} could not be read`, {
      ...of,
      failure: "internal_error",
      error: errorFields(error),
    });
  }
};

/** Invoked twice a day; what it is invoked with says nothing. */
export const credentialExpiryHandler =
  (ports: CredentialExpiryPorts) =>
  async (_event: unknown, context: Context): Promise<void> => {
    logger.begin(context);
    await measured("the app's credential", async () => tell(await measureCredential(ports)));
    for (const vaultKeys of ["sign_in", "token"] as const) {
      const tellAge = async () => {
        const age = ports.now().getTime() - (await ports.vaultKeysRotatedAt[vaultKeys]()).getTime();
        logger.info("the newest vault key has an age", {
          vaultKeys,
          vaultKeyAgeDays: Math.max(Math.floor(age / dayMilliseconds), 0),
        });
      };
      await measured("the age of a vault key", tellAge, { vaultKeys });
    }
  };
