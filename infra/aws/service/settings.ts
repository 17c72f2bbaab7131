import type { AppCredential } from "../constructs/app-credential.ts";
import type { MailService } from "../constructs/mail-service.ts";
import type { PublicApi } from "../constructs/public-api.ts";
import type { DataStack } from "../data-stack.ts";
import type { Stage } from "../stages.ts";
import { adminConsentCallbackPath, callbackPath } from "./microsoft-redirects.ts";

/** What settings are made from. */
export interface SettingsSources {
  readonly stage: Stage;
  readonly data: DataStack;
  readonly api: PublicApi;
  readonly mail: MailService;
  readonly appCredential: AppCredential;
}

/** Environment variables in groups that functions share, each named as its schema in shared/config.ts. */
export const settingsOf = ({ stage, data, api, mail, appCredential }: SettingsSources) => {
  const { product, microsoft } = stage;
  const productClaims = {
    USER_CLAIM: product.claims.user,
    WORKSPACE_CLAIM: product.claims.workspace,
  };
  const refreshTokens = { REFRESH_TOKENS_TABLE: data.refreshTokenItems.tableName };
  const tokenVaultPrefix = { TOKEN_VAULT_PREFIX: data.refreshTokens.prefix };
  return {
    productClaims,
    productPerson: {
      ...productClaims,
      EMAIL_CLAIM: product.claims.email,
      ...(product.claims.emailVerified && {
        EMAIL_VERIFIED_CLAIM: product.claims.emailVerified,
      }),
      NAME_CLAIM: product.claims.name,
      WORKSPACE_NAME_CLAIM: product.claims.workspaceName,
    },
    allowedOrigins: { ALLOWED_ORIGINS: product.origins.join(",") },
    returnPages: { RETURN_PAGES: JSON.stringify(product.returnPages) },
    support: { SUPPORT_EMAIL: product.supportEmail },

    microsoft: {
      MICROSOFT_AUTHORITY: microsoft.authority,
      MICROSOFT_LOGIN_ENDPOINT: microsoft.loginEndpoint,
      MICROSOFT_CLIENT_ID: microsoft.clientId,
    },
    microsoftClient: { MICROSOFT_CLIENT_ID: microsoft.clientId },
    clientCredential: appCredential.environment,
    personalAccounts: { PERSONAL_ACCOUNTS: microsoft.personalAccounts },
    graph: { GRAPH_ENDPOINT: microsoft.graphEndpoint },
    redirect: { REDIRECT_URI: `${api.url}${callbackPath}` },
    adminConsentRedirect: {
      ADMIN_CONSENT_REDIRECT_URI: `${api.url}${adminConsentCallbackPath}`,
    },

    apiUrl: { API_URL: api.url },
    mail: { MAIL_FROM: mail.from, MAIL_CONFIGURATION_SET: mail.configurationSet },

    attempts: { ATTEMPTS_TABLE: data.attempts.tableName },
    connections: { CONNECTIONS_TABLE: data.connections.tableName },
    tenantConsents: { TENANT_CONSENTS_TABLE: data.tenantConsents.tableName },
    signInKeys: { SIGN_IN_KEYS_SECRET_ARN: data.signInKeys.arn },
    tokenKeys: { TOKEN_KEYS_SECRET_ARN: data.tokenKeys.arn },
    refreshTokens,
    tokenVaultPrefix,
    tokenVault: {
      ...refreshTokens,
      TOKEN_VAULT: stage.tokenVault,
      ...tokenVaultPrefix,
      TOKEN_VAULT_KEY_ARN: data.refreshTokens.key.keyArn,
    },
  };
};

export type Settings = ReturnType<typeof settingsOf>;
