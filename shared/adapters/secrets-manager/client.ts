import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";

/** One client per execution environment. `requestTimeout` alone would only warn. */
export const openSecretsManager = (): SecretsManagerClient =>
  new SecretsManagerClient({
    maxAttempts: 3,
    requestHandler: {
      connectionTimeout: 1_000,
      requestTimeout: 3_000,
      throwOnRequestTimeout: true,
    },
  });
