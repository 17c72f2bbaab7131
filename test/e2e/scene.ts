import {
  DeleteItemCommand,
  DynamoDBClient,
  PutItemCommand,
  paginateScan,
} from "@aws-sdk/client-dynamodb";
import { InvokeCommand } from "@aws-sdk/client-lambda";
import {
  CreateSecretCommand,
  GetSecretValueCommand,
  ListSecretsCommand,
  PutSecretValueCommand,
  type SecretListEntry,
  SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";
import { marshall, unmarshall } from "@aws-sdk/util-dynamodb";
import { expect, inject } from "vitest";
import * as z from "zod/mini";
import type { SimulatorControl } from "../../infra/local/microsoft/control.ts";
import { type Arrival, type Person, signIn } from "../../infra/local/microsoft/walk-sign-in.ts";
import {
  type ProductClient,
  postCallback,
  type Returned,
  type StartRequest,
  signInToProduct,
} from "../../infra/local/product-client.ts";
import {
  type LocalStack,
  type LocalStackOptions,
  startLocalStack,
} from "../../infra/local/stack.ts";
import {
  fetchToken,
  type TokenAnswer,
  type TokenRequest,
  tokenClient,
} from "../../shared/worker/fetch-token.ts";

const credentials = { accessKeyId: "local", secretAccessKey: "local" };

/** A connection as the HTTP API shows it; nothing else may be in it. */
export const connectionView = z.strictObject({
  id: z.string(),
  status: z.string(),
  account: z.strictObject({
    displayName: z.string(),
    username: z.string(),
    tenantId: z.string(),
  }),
  scopes: z.array(z.string()),
  createdAt: z.iso.datetime(),
  lastRefreshedAt: z.iso.datetime(),
  problem: z.optional(z.strictObject({ code: z.string(), actor: z.string(), message: z.string() })),
});
export type ConnectionView = z.infer<typeof connectionView>;

const attemptView = z.strictObject({
  attemptId: z.string(),
  status: z.string(),
  expiresAt: z.iso.datetime(),
  connectionId: z.optional(z.string()),
  problem: z.optional(z.strictObject({ code: z.string(), actor: z.string(), message: z.string() })),
});

const problemDetails = z.strictObject({
  type: z.string(),
  title: z.string(),
  status: z.number(),
  code: z.string(),
  detail: z.string().check(z.minLength(20)),
  actor: z.enum(["user", "tenant_admin", "operator", "nobody"]),
  retryAfterSeconds: z.optional(z.number()),
});

/** Reads RFC 9457 problem details, whose status must be the one of the answer. */
export const problemIn = async (response: Response) => {
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  const problem = problemDetails.parse(await response.json());
  expect(problem.status).toBe(response.status);
  return problem;
};

/** Where the sign-in stands once the browser is back at the product. */
export interface SignedInAtMicrosoft {
  readonly attemptId: string;
  readonly authorizationUrl: URL;
  readonly form: Arrival;
  /** What Microsoft sent; empty if it sent a refusal. */
  readonly code: string;
  /** What the fragment of the return page held. */
  readonly returned: Returned;
}

/** The same request to Microsoft, as if the person had chosen another account on Microsoft's page. */
export const asAccount = (authorizationUrl: string | URL, username: string): URL => {
  const url = new URL(authorizationUrl);
  url.searchParams.delete("prompt");
  url.searchParams.set("login_hint", username);
  return url;
};

export const isArrival = (arrived: Awaited<ReturnType<typeof signIn>>): arrived is Arrival =>
  "action" in arrived;

/** An answer of token-fetch that must be a token. */
export const served = (answer: TokenAnswer) => {
  if (!answer.ok) expect.fail(`no token: ${JSON.stringify(answer.error)}`);
  return { ...answer, text: answer.accessToken.reveal() };
};

/** An answer of token-fetch that must be a failure. */
export const refusedWith = (answer: TokenAnswer) => {
  if (answer.ok) expect.fail("token-fetch served a token");
  return answer.error;
};

export interface Connected {
  readonly product: ProductClient;
  readonly username: string;
  readonly connection: ConnectionView;
}

/** The whole local stack, the people around it, and the eyes of an operator. */
export interface Scene {
  readonly stack: LocalStack;
  readonly microsoft: SimulatorControl;
  /** Forgets what a test did to Microsoft, and lets open sign-ins of the product expire. */
  newDay(): void;
  signedIn(personId: string): Promise<ProductClient>;
  /** Begins a sign-in, walks through Microsoft's pages and posts its answer to the callback. */
  goToMicrosoft(
    product: ProductClient,
    person: Person,
    start?: StartRequest,
  ): Promise<SignedInAtMicrosoft>;
  /** The whole way up to the answer of `complete`. */
  tryToConnect(product: ProductClient, person: Person, start?: StartRequest): Promise<Response>;
  connect(product: ProductClient, person: Person, start?: StartRequest): Promise<ConnectionView>;
  list(product: ProductClient): Promise<readonly ConnectionView[]>;
  attempt(product: ProductClient, attemptId: string): Promise<z.infer<typeof attemptView>>;
  fetchToken(
    of: Pick<Connected, "product" | "connection">,
    request?: Partial<TokenRequest>,
  ): Promise<TokenAnswer>;
  /** Invokes token-fetch with any payload. @returns its answer, parsed from JSON */
  invoke(payload: string | undefined): Promise<unknown>;
  /** Invokes erase-connections, as the product's back end does. @returns its answer, parsed from JSON */
  erase(payload: object): Promise<unknown>;
  /** Invokes require-sign-in, as an operator does. @returns its answer, parsed from JSON */
  requireSignIn(payload: object): Promise<unknown>;
  readonly vault: {
    /** Names of all refresh-token secrets, those of one connection if it is named. */
    names(connectionId?: string): Promise<readonly string[]>;
    /** What is told of all secrets to whoever may read none. */
    list(): Promise<readonly SecretListEntry[]>;
    read(name: string): Promise<string>;
    write(name: string, value: string): Promise<void>;
    create(name: string, value: string): Promise<void>;
  };
  readonly clientCredential: {
    read(): Promise<readonly string[]>;
    write(clientSecrets: readonly string[]): Promise<void>;
    /** As it is stored. */
    readAll(): Promise<string>;
    /** Anything that the secret can hold. */
    store(payload: object): Promise<void>;
  };
  readonly tables: {
    items(table: TableSetting): Promise<readonly Record<string, unknown>[]>;
    connection(id: string): Promise<Record<string, unknown>>;
    putConnection(item: Record<string, unknown>): Promise<void>;
    put(table: TableSetting, item: Record<string, unknown>): Promise<void>;
    remove(table: TableSetting, key: { readonly id: unknown }): Promise<void>;
  };
  /** What the functions have logged of this failure. A line reaches us a moment after the answer: poll. */
  failuresLogged(failure: string): readonly Record<string, unknown>[];
  close(): Promise<void>;
}

const logLine = z.record(z.string(), z.unknown());
const connectionList = z.object({ connections: z.array(connectionView) });
const credentialPayload = z.object({ clientSecrets: z.array(z.string()) });

/** Long enough for every open sign-in to expire, and for every remembered token and secret to be read anew. */
const untilTheNextTestSeconds = 3600;

type TableSetting =
  | "ATTEMPTS_TABLE"
  | "CONNECTIONS_TABLE"
  | "REFRESH_TOKENS_TABLE"
  | "TENANT_CONSENTS_TABLE";

export const openScene = async (
  options: Pick<
    LocalStackOptions,
    "appCredential" | "folder" | "tokenVault" | "reservedConcurrency"
  > = {},
): Promise<Scene> => {
  const stack = await startLocalStack({ bundles: inject("bundles"), ...options });
  if (!stack.microsoft) throw new Error("the stack runs without the simulator");
  const microsoft = stack.microsoft.control;
  const { region, origins, clock } = stack;
  const dynamoDb = new DynamoDBClient({ endpoint: origins.dynamoDb, region, credentials });
  const secrets = new SecretsManagerClient({
    endpoint: origins.secretsManager,
    region,
    credentials,
  });
  const lambda = tokenClient({ endpoint: origins.lambda, region, credentials });
  const people = new Map<string, Promise<ProductClient>>();

  const setting = (name: string): string => {
    const found = stack.functions.flatMap(({ environment }) => environment[name] ?? []);
    if (found[0] === undefined) throw new Error(`no function has the setting ${name}`);
    return found[0];
  };
  const secretString = async (id: string) => {
    const { SecretString } = await secrets.send(new GetSecretValueCommand({ SecretId: id }));
    return z.string().parse(SecretString);
  };
  const listSecrets = async () => {
    const listed: SecretListEntry[] = [];
    let NextToken: string | undefined;
    do {
      const page = await secrets.send(
        new ListSecretsCommand({
          IncludePlannedDeletion: true,
          ...(NextToken !== undefined && { NextToken }),
        }),
      );
      listed.push(...(page.SecretList ?? []));
      NextToken = page.NextToken;
    } while (NextToken !== undefined);
    return listed;
  };
  const putSecretString = async (SecretId: string, SecretString: string) => {
    await secrets.send(new PutSecretValueCommand({ SecretId, SecretString }));
  };
  const invoke = async (functionName: string, payload: string | undefined) => {
    const { FunctionError, Payload } = await lambda.send(
      new InvokeCommand({
        FunctionName: functionName,
        ...(payload !== undefined && { Payload: payload }),
      }),
    );
    expect(FunctionError).toBeUndefined();
    return JSON.parse(new TextDecoder().decode(Payload));
  };
  const scan = async (table: TableSetting) => {
    const found: Record<string, unknown>[] = [];
    for await (const { Items = [] } of paginateScan(
      { client: dynamoDb },
      { TableName: setting(table), ConsistentRead: true },
    ))
      found.push(...Items.map((item) => unmarshall(item)));
    return found;
  };

  const scene: Scene = {
    stack,
    microsoft,

    newDay: () => {
      microsoft.reset();
      clock.advance(untilTheNextTestSeconds);
    },

    signedIn: (personId) => {
      const known = people.get(personId) ?? signInToProduct(origins, personId);
      people.set(personId, known);
      return known;
    },

    goToMicrosoft: async (product, person, start) => {
      const { attemptId, authorizationUrl } = await product.start(start);
      const form = await signIn(authorizationUrl, person);
      if (!isArrival(form)) expect.fail(`Microsoft kept the person on ${form.kept}`);
      const { response, returned } = await postCallback(form);
      expect(response.status).toBe(303);
      if (!returned) expect.fail("the callback leads nowhere");
      return {
        attemptId,
        authorizationUrl: new URL(authorizationUrl),
        form,
        code: form.fields.get("code") ?? "",
        returned,
      };
    },

    tryToConnect: async (product, person, start) => {
      const { returned } = await scene.goToMicrosoft(product, person, start);
      return product.complete(returned);
    },

    connect: async (product, person, start) => {
      const response = await scene.tryToConnect(product, person, start);
      if (response.status !== 200) expect.fail(`not connected: ${await response.text()}`);
      return connectionView.parse(await response.json());
    },

    list: async (product) => {
      const response = await product.call("GET", "/connections");
      return connectionList.parse(await response.json()).connections;
    },

    attempt: async (product, attemptId) => {
      const response = await product.call("GET", `/attempts/${attemptId}`);
      expect(response.status).toBe(200);
      return attemptView.parse(await response.json());
    },

    fetchToken: ({ product, connection }, request = {}) =>
      fetchToken(
        {
          connectionId: connection.id,
          workspaceId: product.workspaceId,
          run: { workflowId: "newest-mail", runId: "run-1" },
          ...request,
        },
        { lambda, functionName: stack.tokenFetchFunctionName },
        { patienceSeconds: 0 },
      ),

    invoke: (payload) => invoke(stack.tokenFetchFunctionName, payload),

    erase: (payload) => invoke(stack.eraseConnectionsFunctionName, JSON.stringify(payload)),

    requireSignIn: (payload) => {
      const { name } = stack.functions.find((each) => each.name.endsWith("-require-sign-in")) ?? {};
      if (name === undefined) throw new Error("there is no function require-sign-in");
      return invoke(name, JSON.stringify(payload));
    },

    vault: {
      names: async (connectionId) => {
        const prefix = `${setting("TOKEN_VAULT_PREFIX")}/${connectionId ?? ""}`;
        const names = (await listSecrets()).flatMap(({ Name }) => Name ?? []);
        return names.filter((name) => name.startsWith(prefix));
      },
      list: listSecrets,
      read: secretString,
      write: putSecretString,
      create: async (Name, SecretString) => {
        await secrets.send(new CreateSecretCommand({ Name, SecretString }));
      },
    },

    clientCredential: {
      read: async () =>
        credentialPayload.parse(
          JSON.parse(await secretString(setting("CLIENT_CREDENTIAL_SECRET_ARN"))),
        ).clientSecrets,
      write: (clientSecrets) =>
        putSecretString(setting("CLIENT_CREDENTIAL_SECRET_ARN"), JSON.stringify({ clientSecrets })),
      readAll: () => secretString(setting("CLIENT_CREDENTIAL_SECRET_ARN")),
      store: (payload) =>
        putSecretString(setting("CLIENT_CREDENTIAL_SECRET_ARN"), JSON.stringify(payload)),
    },

    tables: {
      items: scan,
      connection: async (id) => {
        const item = (await scan("CONNECTIONS_TABLE")).find((candidate) => candidate.id === id);
        if (!item) expect.fail("there is no such item");
        return item;
      },
      putConnection: (item) => scene.tables.put("CONNECTIONS_TABLE", item),
      put: async (table, item) => {
        await dynamoDb.send(
          new PutItemCommand({ TableName: setting(table), Item: marshall(item) }),
        );
      },
      remove: async (table, key) => {
        await dynamoDb.send(
          new DeleteItemCommand({ TableName: setting(table), Key: marshall(key) }),
        );
      },
    },

    failuresLogged: (failure) =>
      stack.logs.flatMap(({ line }) => {
        if (!line.startsWith("{")) return [];
        const fields = logLine.parse(JSON.parse(line));
        return fields.failure === failure ? [fields] : [];
      }),

    close: async () => {
      dynamoDb.destroy();
      secrets.destroy();
      lambda.destroy();
      await stack.close();
    },
  };
  return scene;
};
