import { openSecretsManager } from "../../shared/adapters/secrets-manager/client.ts";
import { secretsManagerClientCredential } from "../../shared/adapters/secrets-manager/client-credential.ts";
import { openSecretReader } from "../../shared/adapters/secrets-manager/read-secret.ts";
import { secretsManagerRotatedAt } from "../../shared/adapters/secrets-manager/rotated-at.ts";
import { readEnv } from "../../shared/config.ts";
import { credentialExpiryEnv } from "./env.ts";
import { credentialExpiryHandler } from "./handler.ts";

const env = readEnv(credentialExpiryEnv);
const now = () => new Date();
const secretsManager = openSecretsManager();

export const handler = credentialExpiryHandler({
  stored: secretsManagerClientCredential(openSecretReader(), env.CLIENT_CREDENTIAL_SECRET_ARN, now),
  isFederated: env.FEDERATED_CREDENTIAL === "used",
  vaultKeysRotatedAt: {
    sign_in: secretsManagerRotatedAt(secretsManager, env.SIGN_IN_KEYS_SECRET_ARN),
    token: secretsManagerRotatedAt(secretsManager, env.TOKEN_KEYS_SECRET_ARN),
  },
  now,
});
