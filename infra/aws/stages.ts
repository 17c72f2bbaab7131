import * as z from "zod/mini";

const text = z.string().check(z.minLength(1));
const requests = z.int().check(z.positive());

/** Requests each second, and how many may come at once. */
const throttle = z.strictObject({ rate: requests, burst: requests });

/** Some of the numbers that CloudWatch Logs knows. */
const logRetentionDays = z.union([z.literal(7), z.literal(30), z.literal(90), z.literal(365)]);

/** An origin, without a path and without a slash at its end, as a browser sends it. */
const origin = z.url().check(
  z.refine((value) => URL.canParse(value) && new URL(value).origin === value, {
    error: "must be an origin such as https://app.example.com",
  }),
);

/** @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html */
const roleArn = z.string().check(
  z.regex(/^arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@/-]+$/, {
    error: "must be a role's ARN such as arn:aws:iam::123456789012:role/workers",
  }),
);

const stageSchema = z.strictObject({
  /** Part of the names of stacks, functions and roles; a role's has at most 64 characters, its Region among them. */
  name: z.string().check(z.regex(/^[a-z][a-z0-9]{1,9}$/)),
  /** A local stage runs on this machine and may name plain-http addresses of it. */
  kind: z.enum(["deployed", "local"]),
  /** @default the account and the Region of the credentials that deploy */
  env: z.optional(z.strictObject({ account: text, region: text })),

  /** Whose sign-ins the API accepts: the product's identity provider. */
  product: z.strictObject({
    /**
     * To the letter as its tokens have it. API Gateway reads its discovery document (OpenID Connect Discovery §4), from
     * the internet and for the first time while it is deployed, and takes RSA signatures by a key that `kid` names.
     *
     * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html
     */
    issuer: z.url(),
    audience: text,
    /** Who somebody is; and, if they are there, how they are reached and called. */
    claims: z.strictObject({
      user: text,
      workspace: text,
      email: text,
      /**
       * The address counts only where this claim is true, such as `email_verified` (OpenID Connect Core §5.1): mails go
       * out in its name, and it tells the organisation.
       *
       * @default the identity provider verifies every address before it issues a token with it
       */
      emailVerified: z.optional(text),
      name: text,
      workspaceName: text,
    }),
    /** Origins of the product's pages, which may call the API. */
    origins: z.array(origin).check(z.minLength(1)),
    /** Where a person returns to after Microsoft: key to address. The first one is the default. */
    returnPages: z.record(z.string().check(z.regex(/^[a-z][a-z0-9-]{0,31}$/)), z.url()),
    /** Whom administrators ask about the product. */
    supportEmail: z.email(),
  }),

  /** Sends to administrators and to those who wait for them, through Amazon SES. */
  mail: z.strictObject({
    fromName: z.string().check(z.regex(/^[\w .-]{1,64}$/)),
    /** Under the identity. */
    fromAddress: z.email(),
    /** A domain that is verified in the Region. */
    identity: z.string().check(z.regex(/^[a-z0-9.-]+$/)),
  }),

  microsoft: z.strictObject({
    /** The cloud's authority, which names the issuer of every ID token. */
    authority: z.url(),
    /** Where requests to the authority go; differs from it only on this machine. */
    loginEndpoint: z.url(),
    graphEndpoint: z.url(),
    clientId: text,
    personalAccounts: z.enum(["allowed", "refused"]),
    /**
     * Does the app registration trust the roles of the functions that ask it for tokens? Then these prove who they are
     * by what AWS STS says of them, and what the ClientCredential secret holds is their second choice. The account
     * must have outbound identity federation enabled.
     */
    federatedCredential: z.enum(["used", "unused"]),
  }),

  /** The API's own name; without it people see API Gateway's. */
  customDomain: z.optional(z.strictObject({ name: text, certificateArn: text })),
  /** @default the custom domain, or else the address API Gateway gives */
  publicUrl: z.optional(z.url()),
  /**
   * One for `callback` and the administrators' pages, which anybody may call, and one for the other routes, so that a flood there holds nobody up
   * here. The one for `callback` is for everybody together: a low one would let a stranger with a few requests a second
   * lock everybody out. What protects is that a request with an unknown state is cheap, one write that is refused and
   * one read, and that `reservedConcurrency` bounds how many run at once.
   */
  throttling: z.strictObject({ all: throttle, callback: throttle }),

  /**
   * Where refresh tokens are kept: in a secret of AWS Secrets Manager each, or sealed under the token keys in a table.
   * What is kept in the other one moves at its next refresh.
   */
  tokenVault: z.enum(["secrets-manager", "table"]),

  /** A ceiling on what a mistake can cost: request units each second, for each table. */
  tableCeiling: z.strictObject({ reads: requests, writes: requests }),
  /**
   * Executions kept for a function and denied to the others, so that a rush of one cannot starve
   * the rest. A young AWS account may not reserve any.
   */
  reservedConcurrency: z.strictObject({
    callback: z.optional(requests),
    complete: z.optional(requests),
    tokenFetch: z.optional(requests),
    /** What anybody may call: a flood there takes no more than this, and nothing from the rest. */
    adminConsent: z.optional(requests),
    adminConsentCallback: z.optional(requests),
    /** One is enough: a second run would find the same connections. */
    keepAlive: z.optional(requests),
  }),

  /** Roles of workers in other AWS accounts; those in this one get the stack's policy instead. */
  workerRoles: z.optional(z.array(roleArn)),
  /** Likewise for erase-connections: roles of the product's back end in other AWS accounts. */
  backEndRoles: z.optional(z.array(roleArn)),

  /**
   * A connection that no worker has used for longer is not kept alive any more, but ends. Longer than Microsoft lets an
   * unused refresh token live, 90 days.
   */
  idleConnectionsEndAfterDays: z.int().check(z.gt(90), z.lte(9_999)),
  logRetentionDays,
  /** Who is told of alarms. */
  alarmEmail: z.optional(z.email()),
  /** Tables, keys, secrets and logs outlive their stack, and tables refuse to be deleted. */
  removalProtection: z.boolean(),
});

/** All that differs between one deployment and another. */
export type Stage = Readonly<z.infer<typeof stageSchema>>;

const isLoopback = ({ hostname }: URL) => hostname === "127.0.0.1" || hostname === "localhost";

/** Every address a stage names, by the name of its setting. */
const addresses = (stage: Stage): readonly (readonly [setting: string, address: URL])[] =>
  [
    ["product.issuer", stage.product.issuer] as const,
    ...stage.product.origins.map((value) => ["product.origins", value] as const),
    ...Object.entries(stage.product.returnPages).map(
      ([key, value]) => [`product.returnPages.${key}`, value] as const,
    ),
    ["microsoft.authority", stage.microsoft.authority] as const,
    ["microsoft.loginEndpoint", stage.microsoft.loginEndpoint] as const,
    ["microsoft.graphEndpoint", stage.microsoft.graphEndpoint] as const,
    ...(stage.publicUrl ? [["publicUrl", stage.publicUrl] as const] : []),
  ].map(([setting, value]) => [setting, new URL(value)] as const);

/**
 * Checks a stage before anything is built from it.
 *
 * @throws an error that names each setting that is wrong: plain http in a deployed stage, or to
 *   another machine in a local one.
 */
export const checkedStage = (stage: Stage): Stage => {
  const { success, data, error } = stageSchema.safeParse(stage);
  if (!success) {
    throw new Error(`Stage ${stage.name} is wrong.\n${z.prettifyError(error)}`);
  }
  const insecure = addresses(data).filter(
    ([, address]) =>
      address.protocol !== "https:" &&
      !(data.kind === "local" && address.protocol === "http:" && isLoopback(address)),
  );
  if (insecure.length > 0) {
    const settings = insecure.map(([setting]) => setting).join(", ");
    throw new Error(`Stage ${data.name}: ${settings} must be https.`);
  }
  return data;
};

/** Names that belong to nobody. RFC 2606 */
const exampleName = /(^|[./@])example(\.(com|net|org))?(\/|$)/;

/** Settings that still hold an example's value: with them a stage synthesizes and cannot work. */
export const exampleSettings = (stage: Stage): readonly string[] => {
  const names = [
    ...addresses(stage).map(([setting, { hostname }]) => [setting, hostname] as const),
    ["product.audience", stage.product.audience] as const,
    ["customDomain.name", stage.customDomain?.name] as const,
    ["alarmEmail", stage.alarmEmail] as const,
    ["product.supportEmail", stage.product.supportEmail] as const,
    ["mail.fromAddress", stage.mail.fromAddress] as const,
    ["mail.identity", stage.mail.identity] as const,
  ];
  const examples = names
    .filter(([, name]) => name !== undefined && exampleName.test(name))
    .map(([setting]) => setting);
  return [
    ...new Set(examples),
    ...(/^[0-]+$/.test(stage.microsoft.clientId) ? ["microsoft.clientId"] : []),
  ];
};

/** @throws an error that names each setting of a deployed stage that still holds an example's value */
export const refuseExamples = (stage: Stage): void => {
  const examples = stage.kind === "deployed" ? exampleSettings(stage) : [];
  if (examples.length === 0) return;
  throw new Error(
    `Stage ${stage.name} cannot be deployed before infra/aws/stages.ts holds your own values for ${examples.join(", ")}.`,
  );
};

/** Microsoft's public cloud. */
const publicCloud = {
  authority: "https://login.microsoftonline.com",
  loginEndpoint: "https://login.microsoftonline.com",
  graphEndpoint: "https://graph.microsoft.com",
};

/** As the product's identity provider names them. */
const productClaims = {
  user: "sub",
  workspace: "workspace_id",
  email: "email",
  emailVerified: "email_verified",
  name: "name",
  workspaceName: "workspace_name",
};

/** The one table of all that differs between deployed stages. */
export const stages = {
  dev: {
    name: "dev",
    kind: "deployed",
    product: {
      issuer: "https://id.dev.appse.example",
      audience: "appse-ai",
      claims: productClaims,
      origins: ["https://app.dev.appse.example"],
      returnPages: { connections: "https://app.dev.appse.example/settings/connections" },
      supportEmail: "support@appse.example",
    },
    mail: {
      fromName: "Appse AI",
      fromAddress: "approvals@mail.dev.appse.example",
      identity: "mail.dev.appse.example",
    },
    microsoft: {
      ...publicCloud,
      clientId: "00000000-0000-0000-0000-000000000000",
      personalAccounts: "allowed",
      federatedCredential: "unused",
    },
    throttling: { all: { rate: 50, burst: 100 }, callback: { rate: 50, burst: 100 } },
    tokenVault: "secrets-manager",
    tableCeiling: { reads: 500, writes: 200 },
    reservedConcurrency: {},
    idleConnectionsEndAfterDays: 400,
    logRetentionDays: 30,
    removalProtection: false,
  },
  prod: {
    name: "prod",
    kind: "deployed",
    product: {
      issuer: "https://id.appse.example",
      audience: "appse-ai",
      claims: productClaims,
      origins: ["https://app.appse.example"],
      returnPages: { connections: "https://app.appse.example/settings/connections" },
      supportEmail: "support@appse.example",
    },
    mail: {
      fromName: "Appse AI",
      fromAddress: "approvals@mail.appse.example",
      identity: "mail.appse.example",
    },
    microsoft: {
      ...publicCloud,
      clientId: "00000000-0000-0000-0000-000000000000",
      personalAccounts: "allowed",
      federatedCredential: "unused",
    },
    throttling: { all: { rate: 500, burst: 1000 }, callback: { rate: 500, burst: 1000 } },
    tokenVault: "secrets-manager",
    tableCeiling: { reads: 8000, writes: 2000 },
    reservedConcurrency: {
      callback: 25,
      complete: 50,
      tokenFetch: 200,
      adminConsent: 25,
      adminConsentCallback: 25,
      keepAlive: 1,
    },
    idleConnectionsEndAfterDays: 400,
    logRetentionDays: 365,
    alarmEmail: "operations@appse.example",
    removalProtection: true,
  },
} as const satisfies Readonly<Record<string, Stage>>;
