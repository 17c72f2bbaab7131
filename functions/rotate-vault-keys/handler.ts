import type { Context } from "aws-lambda";
import * as z from "zod/mini";
import { errorFields, logger } from "../../shared/logger.ts";
import {
  type RotateVaultKeysPorts,
  RotationRefused,
  rotateVaultKeys,
  rotationSteps,
} from "./rotate-vault-keys.ts";

/** What Secrets Manager sends; it may add to it. */
const rotationEvent = z.object({
  Step: z.enum(rotationSteps),
  SecretId: z.string(),
  ClientRequestToken: z.string().check(z.minLength(32), z.maxLength(64)),
});

/**
 * Invoked by Secrets Manager, once for each step. That a step failed is told by an error, for which it tries again
 * later; the message names no value.
 */
export const rotateVaultKeysHandler =
  (settings: { readonly VAULT_KEYS_SECRET_ARN: string }, ports: RotateVaultKeysPorts) =>
  async (event: unknown, context: Context): Promise<void> => {
    logger.powertools.resetKeys();
    logger.powertools.addContext(context);
    try {
      const { success, data } = rotationEvent.safeParse(event);
      if (!success) throw new RotationRefused("this is no step of a rotation");
      if (data.SecretId !== settings.VAULT_KEYS_SECRET_ARN) {
        throw new RotationRefused("another secret is not rotated here");
      }
      const rotation = await rotateVaultKeys(data.Step, data.ClientRequestToken, ports);
      logger.info("a step of the rotation of the vault keys", {
        rotationStep: data.Step,
        rotation,
      });
    } catch (error) {
      const isRefused = error instanceof RotationRefused;
      logger.error("vault keys not rotated", {
        failure: isRefused ? "rotation_refused" : "internal_error",
        error: errorFields(error),
      });
      throw new Error(isRefused ? error.message : "the vault keys were not rotated");
    }
  };
