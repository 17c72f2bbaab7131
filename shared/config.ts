import * as z from "zod/mini";

const isLoopback = (hostname: string) => hostname === "127.0.0.1" || hostname === "localhost";

/** An https origin. Plain http only to this same machine, where no network can listen. */
const endpoint = z.pipe(
  z.url().check(
    z.refine((value) => {
      if (!URL.canParse(value)) return false; // refinements run on what `z.url` refused, too
      const { protocol, hostname } = new URL(value);
      return protocol === "https:" || (protocol === "http:" && isLoopback(hostname));
    }, "must be https"),
  ),
  z.transform((value) => new URL(value)),
);

const name = z.string().check(z.minLength(1));
const secretArn = z.string().check(z.startsWith("arn:"));

const json = <Schema extends z.ZodMiniType>(schema: Schema) =>
  z.pipe(
    z.pipe(
      z.string(),
      z.transform((text, context) => {
        try {
          return JSON.parse(text) as unknown;
        } catch {
          context.issues.push({ code: "custom", message: "must be JSON", input: text });
          return z.NEVER;
        }
      }),
    ),
    schema,
  );

/** Which claims of the product's JWT say who is signed in. */
export const productClaimsEnv = {
  USER_CLAIM: name,
  WORKSPACE_CLAIM: name,
};

/** Claims of the product's JWT that say how a person is reached and called; only the address is needed. */
export const productPersonEnv = {
  EMAIL_CLAIM: name,
  EMAIL_VERIFIED_CLAIM: z.optional(name),
  NAME_CLAIM: name,
  WORKSPACE_NAME_CLAIM: name,
};

export const attemptsEnv = { ATTEMPTS_TABLE: name };

export const connectionsEnv = { CONNECTIONS_TABLE: name };

/** What is known of organisations' approvals, and who waits for them. */
export const tenantConsentsEnv = { TENANT_CONSENTS_TABLE: name };

/** Where the API is reached from outside, without a slash at its end; approval links begin with it. */
export const apiUrlEnv = { API_URL: endpoint };

/** Where Microsoft sends administrators back to; registered at Microsoft to the letter. */
export const adminConsentRedirectEnv = { ADMIN_CONSENT_REDIRECT_URI: endpoint };

/** Amazon SES: the verified sender, and the configuration set that reports bounces and complaints. */
export const mailEnv = { MAIL_FROM: name, MAIL_CONFIGURATION_SET: name };

/** Whom somebody who is mailed asks about the product: a mail address. */
export const supportEnv = { SUPPORT_EMAIL: name };

/** The keys that seal what sign-ins and approvals leave in the tables; the secret is named here, never held. */
export const signInKeysEnv = { SIGN_IN_KEYS_SECRET_ARN: secretArn };

/** The keys that seal tokens; a secret of its own, for those alone that redeem or serve them. */
export const tokenKeysEnv = { TOKEN_KEYS_SECRET_ARN: secretArn };

/** Refresh tokens that are items of a table, whatever vault new ones go to. */
export const refreshTokensEnv = { REFRESH_TOKENS_TABLE: name };

/** Every refresh token's secret is named below this prefix, and permissions are granted on it. */
export const tokenVaultPrefixEnv = { TOKEN_VAULT_PREFIX: name };

export const tokenVaultEnv = {
  ...refreshTokensEnv,
  ...tokenVaultPrefixEnv,
  /** Where refresh tokens are kept; those that are in the other vault move at their next refresh. */
  TOKEN_VAULT: z.enum(["secrets-manager", "table"]),
  /** The customer-managed KMS key under which the secrets are kept. */
  TOKEN_VAULT_KEY_ARN: secretArn,
};

/** The app registration; approvals are kept apart by it. */
export const microsoftClientEnv = { MICROSOFT_CLIENT_ID: name };

export const microsoftEnv = {
  ...microsoftClientEnv,
  /** The cloud's authority: it names the issuer of every ID token. */
  MICROSOFT_AUTHORITY: endpoint,
  /** Where requests to the authority go; the same in every cloud. */
  MICROSOFT_LOGIN_ENDPOINT: endpoint,
};

/** Where Microsoft sends people back to; registered at Microsoft to the letter. */
export const redirectEnv = { REDIRECT_URI: endpoint };

/** How the app proves to Microsoft who it is. */
export const clientCredentialEnv = {
  CLIENT_CREDENTIAL_SECRET_ARN: secretArn,
  /** Does Microsoft trust what AWS says of this function's role? Then it is tried before what the secret holds. */
  FEDERATED_CREDENTIAL: z.enum(["used", "unused"]),
};

export const graphEnv = { GRAPH_ENDPOINT: endpoint };

/** Are personal Microsoft accounts welcome? */
export const personalAccountsEnv = { PERSONAL_ACCOUNTS: z.enum(["allowed", "refused"]) };

/** The product's pages to which a person may return: key to URL. The first one is the default. */
export const returnPagesEnv = {
  RETURN_PAGES: json(z.record(z.string().check(z.regex(/^[a-z][a-z0-9-]{0,31}$/)), endpoint)),
};

/** Origins of the product's pages, separated by commas. */
export const allowedOriginsEnv = {
  ALLOWED_ORIGINS: z.pipe(
    name,
    z.transform((text): readonly string[] => text.split(",")),
  ),
};

/**
 * Reads and checks the environment once, at the cold start.
 *
 * @throws an error that lists the names of what is wrong, never a value.
 */
export const readEnv = <Schema extends z.ZodMiniType>(
  schema: Schema,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): z.output<Schema> => {
  const read = schema.safeParse(environment);
  if (read.success) return read.data;
  const names = new Set(read.error.issues.map((issue) => issue.path.join(".")));
  throw new Error(`These settings are missing or wrong: ${[...names].join(", ")}`);
};
