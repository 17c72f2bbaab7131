import type { Stage } from "../aws/stages.ts";

export interface LocalAddresses extends Partial<Pick<Stage, "tokenVault" | "reservedConcurrency">> {
  readonly apiOrigin: string;
  readonly product: { readonly origin: string; readonly issuer: string; readonly audience: string };
  readonly microsoft: Pick<Stage["microsoft"], "loginEndpoint" | "graphEndpoint" | "clientId"> &
    Partial<Pick<Stage["microsoft"], "federatedCredential">>;
}

/** The stage that runs on this machine, at the addresses of this run. */
export const localStage = ({
  apiOrigin,
  product,
  microsoft,
  tokenVault = "secrets-manager",
  reservedConcurrency = {},
}: LocalAddresses): Stage => ({
  name: "local",
  kind: "local",
  product: {
    issuer: product.issuer,
    audience: product.audience,
    claims: {
      user: "sub",
      workspace: "workspace_id",
      email: "email",
      emailVerified: "email_verified",
      name: "name",
      workspaceName: "workspace_name",
    },
    origins: [product.origin],
    returnPages: { connections: `${product.origin}/outlook/return` },
    supportEmail: "support@appse.example",
  },
  mail: {
    fromName: "Appse AI",
    fromAddress: "approvals@mail.appse.example",
    identity: "mail.appse.example",
  },
  microsoft: {
    federatedCredential: "unused",
    ...microsoft,
    // The issuer of ID tokens is the same one wherever the requests go.
    authority: "https://login.microsoftonline.com",
    personalAccounts: "allowed",
  },
  publicUrl: apiOrigin,
  // The gateway here does not throttle, and nothing keeps logs; the templates need some number.
  throttling: { all: { rate: 50, burst: 100 }, callback: { rate: 50, burst: 100 } },
  tokenVault,
  tableCeiling: { reads: 500, writes: 200 },
  reservedConcurrency,
  idleConnectionsEndAfterDays: 400,
  logRetentionDays: 7,
  removalProtection: false,
});
