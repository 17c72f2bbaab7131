import type { AppCredentialKind } from "../../domain/app-credential.ts";
import type { Secret } from "../../domain/secret.ts";

/** One way in which the app proves to Microsoft who it is. */
export type AppCredential =
  | {
      readonly kind: "federated";
      /**
       * A JWT of another issuer that Microsoft trusts for this app.
       *
       * @throws if that issuer gives none
       */
      readonly assertion: () => Promise<Secret>;
    }
  | {
      readonly kind: "certificate";
      /** Of the certificate's DER, in hexadecimal. */
      readonly thumbprintSha256: string;
      /** PEM. */
      readonly privateKey: Secret;
    }
  | { readonly kind: "client_secret"; readonly secret: Secret };

export interface AppCredentials {
  /**
   * In the order in which to try them. None is obtained before those in front of it were refused.
   *
   * @param fresh only those that are stored, read again: for when all were just refused
   */
  inOrder(options?: { readonly fresh: boolean }): AsyncIterable<AppCredential>;
}

/** Refused for good in one exchange: the same one is not tried a second time. */
export const credentialId = (credential: AppCredential): string => {
  switch (credential.kind) {
    case "federated":
      return credential.kind;
    case "certificate":
      return `${credential.kind} ${credential.thumbprintSha256}`;
    case "client_secret":
      return `${credential.kind} ${credential.secret.reveal()}`;
    default:
      return credential satisfies never;
  }
};

/** A better credential did not work, and a later one of the order did. */
export interface Fallback {
  readonly from: AppCredentialKind;
  readonly to: AppCredentialKind;
}

/** First what is federated, where it is; then what is stored. */
export const appCredentials = (
  federated: (() => Promise<Secret>) | undefined,
  stored: AppCredentials,
): AppCredentials => ({
  async *inOrder(options) {
    if (federated && !options?.fresh) yield { kind: "federated", assertion: federated };
    yield* stored.inOrder(options);
  },
});
