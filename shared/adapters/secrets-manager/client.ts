import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import type { SecretBounds } from "./read-secret.ts";

/** One client per execution environment. `requestTimeout` alone would only warn. */
export const openSecretsManager = ({
  tries = 3,
  tryMilliseconds = 3_000,
}: SecretBounds = {}): SecretsManagerClient =>
  new SecretsManagerClient({
    maxAttempts: tries,
    requestHandler: {
      connectionTimeout: 1_000,
      requestTimeout: tryMilliseconds,
      throwOnRequestTimeout: true,
    },
  });
