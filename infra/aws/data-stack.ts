import { ArnFormat, CfnOutput, Stack, type StackProps, Validations } from "aws-cdk-lib/core";
import type { Construct } from "constructs";
import { DataKey } from "./constructs/data-key.ts";
import { KeptSecret } from "./constructs/kept-secret.ts";
import { KeptTable } from "./constructs/kept-table.ts";
import { Readers } from "./constructs/readers.ts";
import { RefreshTokenVault } from "./constructs/refresh-token-vault.ts";
import type { Stage } from "./stages.ts";

/** The index of connections by the user they belong to. */
export const byOwner = "byOwner";

/** The index of connections by when they are to be refreshed although nobody uses them. */
export const byKeepAlive = "byKeepAlive";

/** The index of organisations whose waiting people have not all been told. */
export const byNotice = "byNotice";

/** What must survive every deployment: tables, secrets, and the key that encrypts both. */
export class DataStack extends Stack {
  readonly key: DataKey;
  readonly attempts: KeptTable;
  readonly connections: KeptTable;
  readonly tenantConsents: KeptTable;
  /** Refresh tokens of the vault `table`; it is there in every stage, since tokens move both ways. */
  readonly refreshTokenItems: KeptTable;
  /** They seal what sign-ins and approvals leave in the tables. */
  readonly signInKeys: KeptSecret;
  /** They seal tokens: whoever serves none cannot read them. */
  readonly tokenKeys: KeptSecret;
  readonly clientCredential: KeptSecret;
  readonly refreshTokens: RefreshTokenVault;

  constructor(scope: Construct, id: string, stage: Stage, props: StackProps) {
    super(scope, id, props);
    const { removalProtection } = stage;
    const prefix = `outlook-connect/${stage.name}/refresh-tokens`;
    const refreshTokenReaders = new Readers(stage, ["complete", "token-fetch"]);
    const refreshTokens = this.formatArn({
      service: "secretsmanager",
      resource: "secret",
      resourceName: `${prefix}/*`,
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });

    this.key = new DataKey(this, "DataKey", {
      alias: `outlook-connect/${stage.name}`,
      removalProtection,
      refreshTokens,
      refreshTokenReaders,
    });
    const { key } = this;

    this.attempts = new KeptTable(this, "Attempts", { key, stage });
    this.connections = new KeptTable(this, "UserConnections", {
      key,
      stage,
      indexes: [
        { name: byOwner, by: "ownerKey", sortedBy: "createdAt" },
        {
          name: byKeepAlive,
          by: "keepAliveShard",
          sortedBy: "keepAliveAt",
          holds: ["workspaceId", "tenantId", "refreshTokenStoredAt"],
        },
      ],
    });

    this.tenantConsents = new KeptTable(this, "TenantConsents", {
      key,
      stage,
      keys: { partition: "pk", sort: "sk" },
      indexes: [{ name: byNotice, by: "noticesDue", sortedBy: "verifiedAt" }],
    });

    this.refreshTokenItems = new KeptTable(this, "RefreshTokens", { key, stage });

    const vaultKeys = (id: string, description: string, readers: readonly string[]) => {
      const secret = new KeptSecret(this, id, {
        description,
        key,
        readers: new Readers(stage, [...readers, "rotate-vault-keys"]),
        removalProtection,
        first: { passwordLength: 64, excludePunctuation: true },
      });
      Validations.of(secret).acknowledge({
        id: "AwsSolutions-SMG4",
        reason: "It is rotated each month by a function of the service stack.",
      });
      return secret;
    };
    this.signInKeys = vaultKeys(
      "SignInKeys",
      "Outlook Connect: the keys that seal parked answers, secrets of sign-ins and approval links",
      ["start", "callback", "complete", "admin-consent-request", "admin-consent-callback"],
    );
    this.tokenKeys = vaultKeys(
      "TokenKeys",
      "Outlook Connect: the keys that seal access tokens, and refresh tokens that are items",
      ["complete", "token-fetch"],
    );
    this.clientCredential = new KeptSecret(this, "ClientCredential", {
      description:
        "Outlook Connect: how the app proves to Microsoft who it is: certificates, client secrets",
      key,
      readers: new Readers(stage, [
        "complete",
        "token-fetch",
        "admin-consent-callback",
        "credential-expiry",
      ]),
      removalProtection,
      // None yet: an operator puts them in, so that none is ever in a template.
      first: JSON.stringify({ clientSecrets: [] }),
    });
    this.refreshTokens = new RefreshTokenVault({
      prefix,
      secrets: refreshTokens,
      key,
      readers: refreshTokenReaders,
    });

    new CfnOutput(this, "DataKeyArn", {
      description: "Encrypts tables and secrets: nothing can be read without it",
      value: key.keyArn,
    });
    new CfnOutput(this, "SignInKeysSecretArn", {
      description: "Holds the keys that what sign-ins leave is sealed with",
      value: this.signInKeys.arn,
    });
    new CfnOutput(this, "TokenKeysSecretArn", {
      description: "Holds the keys that tokens are sealed with",
      value: this.tokenKeys.arn,
    });
    new CfnOutput(this, "ClientCredentialSecretArn", {
      description: "Put the app's client secrets or certificates in here",
      value: this.clientCredential.arn,
    });

    Validations.of(this.clientCredential).acknowledge({
      id: "AwsSolutions-SMG4",
      reason:
        "Microsoft must know what is stored; an operator brings the new one, and both work meanwhile.",
    });
  }
}
