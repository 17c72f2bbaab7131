import type {
  AppCredential,
  AppCredentials,
} from "../../shared/adapters/microsoft/app-credential.ts";
import { Secret } from "../../shared/domain/secret.ts";

export const clientSecretOf = (text: string): AppCredential => ({
  kind: "client_secret",
  secret: new Secret(text),
});

/** Client secrets, as they are stored now. */
export const clientSecrets = (stored: () => readonly string[]): AppCredentials => ({
  async *inOrder() {
    yield* stored().map(clientSecretOf);
  },
});
