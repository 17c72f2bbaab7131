import { secretsManagerClientCredential } from "../secrets-manager/client-credential.ts";
import type { ReadSecret } from "../secrets-manager/read-secret.ts";
import { stsWebIdentityToken, type WebIdentityBounds } from "../sts/web-identity-token.ts";
import { type AppCredentials, appCredentials } from "./app-credential.ts";

export interface AppCredentialSettings {
  readonly CLIENT_CREDENTIAL_SECRET_ARN: string;
  readonly FEDERATED_CREDENTIAL: "used" | "unused";
}

/** All of the app's credentials, as a stage has them. */
export const openAppCredentials = (
  settings: AppCredentialSettings,
  readSecret: ReadSecret,
  now: () => Date,
  bounds?: WebIdentityBounds,
): AppCredentials =>
  appCredentials(
    settings.FEDERATED_CREDENTIAL === "used"
      ? stsWebIdentityToken(now, process.env, bounds)
      : undefined,
    secretsManagerClientCredential(readSecret, settings.CLIENT_CREDENTIAL_SECRET_ARN, now),
  );
