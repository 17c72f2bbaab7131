import { randomBytes } from "node:crypto";
import { jweSealer } from "../../shared/adapters/jwe/sealer.ts";
import { openSecretsManager } from "../../shared/adapters/secrets-manager/client.ts";
import { secretsManagerKeyVersions } from "../../shared/adapters/secrets-manager/key-versions.ts";
import { vaultKeyOf } from "../../shared/adapters/secrets-manager/vault-keys.ts";
import { readEnv } from "../../shared/config.ts";
import { Secret } from "../../shared/domain/secret.ts";
import { rotateVaultKeysEnv } from "./env.ts";
import { rotateVaultKeysHandler } from "./handler.ts";

const secretsManager = openSecretsManager();

export const handler = rotateVaultKeysHandler(readEnv(rotateVaultKeysEnv), {
  versionsOf: (secretArn) => secretsManagerKeyVersions(secretsManager, secretArn),
  newValue: () => new Secret(randomBytes(48).toString("base64url")),
  opensWhatItSeals: async (versionId, value) => {
    const key = vaultKeyOf({ versionId, value });
    const sealer = jweSealer({ current: async () => key, byId: async () => key });
    const probe = new Secret(randomBytes(32).toString("base64url"));
    const binding = { purpose: "approval_link", requester: "a rotation" } as const;
    const opened = await sealer.open(await sealer.seal(probe, binding), binding);
    return opened.reveal() === probe.reveal();
  },
  now: () => new Date(),
});
