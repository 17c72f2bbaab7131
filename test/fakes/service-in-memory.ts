import { attemptsHandler } from "../../functions/attempts/handler.ts";
import { callbackHandler } from "../../functions/callback/handler.ts";
import type {
  CompleteAuthorizationPorts,
  LeftUndone,
} from "../../functions/complete/complete-authorization.ts";
import { completeHandler } from "../../functions/complete/handler.ts";
import { connectionsHandler } from "../../functions/connections/handler.ts";
import { disconnectHandler } from "../../functions/disconnect/handler.ts";
import { startHandler } from "../../functions/start/handler.ts";
import type { StartAuthorizationPorts } from "../../functions/start/start-authorization.ts";
import { authorizationUrl } from "../../shared/adapters/microsoft/authorization-url.ts";
import { classifyRedirect } from "../../shared/adapters/microsoft/failure-table.ts";
import type { ProductUser } from "../../shared/domain/ids.ts";
import type { Mailboxes, MicrosoftIdentity } from "../../shared/domain/microsoft.ts";
import type { HttpResponse } from "../../shared/http/response.ts";
import { fakeClock } from "./fake-clock.ts";
import { fakeIdentity } from "./fake-identity.ts";
import { fakeMailboxes } from "./fake-mailboxes.ts";
import { claimNames, formRequest, jsonRequest, type SampleRequest, send } from "./http-event.ts";
import { type Intercept, intercepted } from "./intercepted.ts";
import { memoryAttempts } from "./memory-attempts.ts";
import { memoryConnections } from "./memory-connections.ts";
import { memoryVault } from "./memory-vault.ts";
import { sampleSealer } from "./samples.ts";

export const settings = {
  ...claimNames,
  ALLOWED_ORIGINS: ["https://app.example"],
  MICROSOFT_AUTHORITY: new URL("https://login.microsoftonline.com"),
  RETURN_PAGES: {
    connections: new URL("https://app.example/connections"),
    setup: new URL("https://setup.example/steps?step=2"),
  },
};

export interface ServiceScript extends Partial<MicrosoftIdentity> {
  readonly probe?: Mailboxes["probe"];
  readonly meaningOf?: CompleteAuthorizationPorts["meaningOf"];
  readonly personalAccounts?: CompleteAuthorizationPorts["personalAccounts"];
  readonly firstAuthority?: StartAuthorizationPorts["firstAuthority"];
  /** Every port call of every request goes through it. */
  readonly intercept?: Intercept;
}

/** What a browser holds when it comes back from Microsoft. */
export interface BroughtBack {
  readonly attemptId: string;
  /** Empty if the callback kept it for itself. */
  readonly completion: string;
}

/** The fragment of the return page's URL. */
export const broughtBack = ({ headers }: HttpResponse): BroughtBack => {
  const fragment = new URLSearchParams(new URL(headers.location ?? "about:blank").hash.slice(1));
  return {
    attemptId: fragment.get("attemptId") ?? "",
    completion: fragment.get("completion") ?? "",
  };
};

/** All endpoints over the same stores in memory, with their real use cases, and the steps of a person. */
export const serviceInMemory = ({
  probe,
  meaningOf = classifyRedirect,
  personalAccounts = "refused",
  firstAuthority = "organizations",
  intercept = (_, call) => call(),
  ...microsoft
}: ServiceScript = {}) => {
  const clock = fakeClock();
  const attempts = memoryAttempts();
  const connections = memoryConnections();
  const vault = memoryVault();
  const identity = fakeIdentity(microsoft);
  const mailboxes = fakeMailboxes(probe);
  const reported: LeftUndone[] = [];
  const ports = {
    attempts: intercepted("attempts", attempts, intercept),
    connections: intercepted("connections", connections, intercept),
    vault: intercepted("vault", vault, intercept),
    identity: intercepted("identity", identity, intercept),
    mailboxes: intercepted("mailboxes", mailboxes, intercept),
    sealer: intercepted("sealer", sampleSealer, intercept),
    meaningOf,
    authorizationUrl: authorizationUrl({
      loginEndpoint: settings.MICROSOFT_AUTHORITY,
      clientId: "c1e27000-0000-4000-8000-00000000a001",
      redirectUri: new URL("https://api.example/callback"),
    }),
    personalAccounts,
    firstAuthority,
    now: clock.now,
    report: (left: LeftUndone) => {
      reported.push(left);
    },
  };
  const handlers = {
    start: startHandler(settings, ports),
    attempts: attemptsHandler(settings, ports),
    callback: callbackHandler(settings, ports),
    complete: completeHandler(settings, ports),
    connections: connectionsHandler(settings, ports),
    disconnect: disconnectHandler(settings, ports),
  };

  const start = (user: ProductUser, body: unknown = {}) =>
    send(handlers.start, { route: "POST /start", user, ...jsonRequest(body) });

  /** @returns what the person's page knows, and what travels to Microsoft in the URL. */
  const begin = async (user: ProductUser, body: unknown = {}) => {
    const { attemptId, authorizationUrl: url } = JSON.parse((await start(user, body)).body);
    const parameters = new URL(url).searchParams;
    return { attemptId: String(attemptId), state: parameters.get("state") ?? "", parameters };
  };

  const callback = (fields: Readonly<Record<string, string>>) =>
    send(handlers.callback, { route: "POST /callback", ...formRequest(fields) });

  const complete = (user: ProductUser, { attemptId, completion }: BroughtBack) =>
    send(handlers.complete, {
      route: "POST /complete",
      user,
      ...jsonRequest({ attemptId, completion }),
    });

  return {
    clock,
    attempts,
    connections,
    vault,
    identity,
    mailboxes,
    reported,
    ports,
    handlers,
    start,
    begin,
    callback,
    complete,

    /** A browser comes back from Microsoft with a code. */
    comeBack: async (state: string, code = "the-code"): Promise<BroughtBack> =>
      broughtBack(await callback({ state, code })),

    /** From the button to the connection. */
    connect: async (user: ProductUser, body: unknown = {}): Promise<HttpResponse> => {
      const { state } = await begin(user, body);
      return complete(user, broughtBack(await callback({ state, code: "the-code" })));
    },

    attempt: (user: ProductUser, attemptId: string) =>
      send(handlers.attempts, {
        route: "GET /attempts/{attemptId}",
        user,
        pathParameters: { attemptId },
      }),

    connection: (user: ProductUser, connectionId: string) =>
      send(handlers.connections, {
        route: "GET /connections/{connectionId}",
        user,
        pathParameters: { connectionId },
      }),

    list: (user: ProductUser) => send(handlers.connections, { route: "GET /connections", user }),

    disconnect: (user: ProductUser, connectionId: string, more: Partial<SampleRequest> = {}) =>
      send(handlers.disconnect, {
        route: "DELETE /connections/{connectionId}",
        user,
        pathParameters: { connectionId },
        headers: { origin: "https://app.example" },
        ...more,
      }),
  };
};

export type ServiceInMemory = ReturnType<typeof serviceInMemory>;

/** Code and actor of an answer that is a problem. */
export const problemIn = ({ statusCode, body }: HttpResponse) => {
  const { code, actor } = JSON.parse(body);
  return { statusCode, code: String(code), actor: String(actor) };
};
