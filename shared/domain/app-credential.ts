/** The ways in which the app proves to Microsoft who it is, best first: the first holds no secret of ours at all. */
export const appCredentialKinds = ["federated", "certificate", "client_secret"] as const;
export type AppCredentialKind = (typeof appCredentialKinds)[number];

/** How long a credential that is stored will be accepted. */
export interface CredentialLifetime {
  readonly kind: AppCredentialKind;
  /** `undefined` if nobody wrote it down. */
  readonly expiresAt: Date | undefined;
}

/** What is stored of the app's credential, as far as its end is concerned. */
export interface StoredCredential {
  lifetimes(): Promise<readonly CredentialLifetime[]>;
}
