import type { Context } from "aws-lambda";
import * as z from "zod/mini";
import type { KeyVersions, VaultKeysFor } from "../../shared/domain/key-rotation.ts";
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

export interface RotationSettings {
  readonly SIGN_IN_KEYS_SECRET_ARN: string;
  readonly TOKEN_KEYS_SECRET_ARN: string;
}

export interface RotationPorts extends Omit<RotateVaultKeysPorts, "versions"> {
  readonly versionsOf: (secretArn: string) => KeyVersions;
}

/**
 * Invoked by Secrets Manager, once for each step. That a step failed is told by an error, for which it tries again
 * later; the message names no value.
 */
export const rotateVaultKeysHandler = (
  settings: RotationSettings,
  { versionsOf, ...ports }: RotationPorts,
) => {
  const keysIn: ReadonlyMap<string, VaultKeysFor> = new Map([
    [settings.SIGN_IN_KEYS_SECRET_ARN, "sign_in"],
    [settings.TOKEN_KEYS_SECRET_ARN, "token"],
  ]);
  return async (event: unknown, context: Context): Promise<void> => {
    logger.begin(context);
    let vaultKeys: VaultKeysFor | undefined;
    try {
      const { success, data } = rotationEvent.safeParse(event);
      if (!success) throw new RotationRefused("this is no step of a rotation");
      vaultKeys = keysIn.get(data.SecretId);
      if (!vaultKeys) throw new RotationRefused("another secret is not rotated here");
      const rotation = await rotateVaultKeys(data.Step, data.ClientRequestToken, {
        ...ports,
        versions: versionsOf(data.SecretId),
      });
      logger.info("a step of the rotation of vault keys", {
        vaultKeys,
        rotationStep: data.Step,
        rotation,
      });
    } catch (error) {
      const isRefused = error instanceof RotationRefused;
      logger.error("vault keys not rotated", {
        ...(vaultKeys && { vaultKeys }),
        failure: isRefused ? "rotation_refused" : "internal_error",
        error: errorFields(error),
      });
      throw new Error(isRefused ? error.message : "the vault keys were not rotated");
    }
  };
};
