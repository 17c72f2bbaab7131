import { adminConsentHandler } from "../../functions/admin-consent/handler.ts";
import { adminConsentCallbackHandler } from "../../functions/admin-consent-callback/handler.ts";
import { adminConsentRequestHandler } from "../../functions/admin-consent-request/handler.ts";
import type {
  ApprovalMail,
  RequestApprovalPorts,
} from "../../functions/admin-consent-request/request-approval.ts";
import { approvalStatusHandler } from "../../functions/approval-status/handler.ts";
import { attemptsHandler } from "../../functions/attempts/handler.ts";
import { callbackHandler } from "../../functions/callback/handler.ts";
import type {
  CompleteAuthorizationPorts,
  LeftUndone,
} from "../../functions/complete/complete-authorization.ts";
import { completeHandler } from "../../functions/complete/handler.ts";
import { connectionsHandler } from "../../functions/connections/handler.ts";
import { disconnectHandler } from "../../functions/disconnect/handler.ts";
import { resumeWaiting } from "../../functions/resume-waiting/resume-waiting.ts";
import { startHandler } from "../../functions/start/handler.ts";
import type { StartAuthorizationPorts } from "../../functions/start/start-authorization.ts";
import { adminConsentUrl } from "../../shared/adapters/microsoft/admin-consent-url.ts";
import { authorizationUrl } from "../../shared/adapters/microsoft/authorization-url.ts";
import { classifyRedirect } from "../../shared/adapters/microsoft/failure-table.ts";
import type { AuthorizationAttempts } from "../../shared/domain/attempt.ts";
import type { Connections } from "../../shared/domain/connection.ts";
import type { ConsentProofs } from "../../shared/domain/consent-proof.ts";
import type {
  ConsentRequest,
  ConsentRequests,
  MailLedger,
} from "../../shared/domain/consent-request.ts";
import type { ProductUser, TenantId } from "../../shared/domain/ids.ts";
import type { Mailboxes, MicrosoftIdentity } from "../../shared/domain/microsoft.ts";
import { approvedScopes, identityScopes } from "../../shared/domain/permissions.ts";
import type { Secret } from "../../shared/domain/secret.ts";
import type { SignInFrequencies } from "../../shared/domain/sign-in-frequency.ts";
import type { ApprovalStep, TenantConsents } from "../../shared/domain/tenant-consent.ts";
import type { TokenVault } from "../../shared/domain/token-vault.ts";
import type { HttpResponse } from "../../shared/http/response.ts";
import { logDisconnected, logUnreadableItem } from "../../shared/logger.ts";
import { fakeClock } from "./fake-clock.ts";
import { fakeIdentity } from "./fake-identity.ts";
import { fakeMailboxes } from "./fake-mailboxes.ts";
import { claimNames, formRequest, jsonRequest, type SampleRequest, send } from "./http-event.ts";
import { type Intercept, intercepted } from "./intercepted.ts";
import { memoryAttempts } from "./memory-attempts.ts";
import { memoryConnections } from "./memory-connections.ts";
import { memoryConsentProofs } from "./memory-consent-proofs.ts";
import { memoryConsentRequests } from "./memory-consent-requests.ts";
import { memoryMailLedger } from "./memory-mail-ledger.ts";
import { memorySignInFrequencies } from "./memory-sign-in-frequencies.ts";
import { memoryTenantConsents } from "./memory-tenant-consents.ts";
import { memoryVault } from "./memory-vault.ts";
import { account, sampleSealer } from "./samples.ts";

export const settings = {
  ...claimNames,
  ALLOWED_ORIGINS: ["https://app.example"],
  MICROSOFT_CLIENT_ID: "c1e27000-0000-4000-8000-00000000a001",
  SUPPORT_EMAIL: "support@appse.example",
  MICROSOFT_AUTHORITY: new URL("https://login.microsoftonline.com"),
  RETURN_PAGES: {
    connections: new URL("https://app.example/connections"),
    setup: new URL("https://setup.example/steps?step=2"),
  },
};

export interface Stores {
  readonly attempts: AuthorizationAttempts;
  readonly connections: Connections;
  readonly vault: TokenVault;
  readonly consents: TenantConsents;
  readonly frequencies: SignInFrequencies;
  readonly requests: ConsentRequests;
  readonly ledger: MailLedger;
  readonly proofs: ConsentProofs;
}

export interface ServiceScript extends Partial<MicrosoftIdentity> {
  readonly probe?: Mailboxes["probe"];
  readonly meaningOf?: CompleteAuthorizationPorts["meaningOf"];
  readonly personalAccounts?: CompleteAuthorizationPorts["personalAccounts"];
  readonly firstAuthority?: StartAuthorizationPorts["firstAuthority"];
  /** Which tenants Microsoft knows by a domain; the workspaces of Alice by default. */
  readonly tenantsByDomain?: Readonly<Record<string, TenantId | "unavailable">>;
  readonly sendMail?: RequestApprovalPorts["sendMail"];
  /** In place of those in memory. */
  readonly stores?: Partial<Stores>;
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
  tenantsByDomain = { "north.example": account.tenantId },
  sendMail = async () => "sent",
  stores = {},
  ...microsoft
}: ServiceScript = {}) => {
  const clock = fakeClock();
  const attempts = memoryAttempts();
  const connections = memoryConnections();
  const vault = memoryVault();
  const consents = memoryTenantConsents();
  const frequencies = memorySignInFrequencies();
  const requests = memoryConsentRequests();
  const ledger = memoryMailLedger();
  const proofs = memoryConsentProofs();
  const mails: ApprovalMail[] = [];
  const notices: ConsentRequest[] = [];
  const steps: ApprovalStep[] = [];
  const identity = fakeIdentity(microsoft);
  const mailboxes = fakeMailboxes(probe);
  const reported: (LeftUndone | "approval_not_read")[] = [];
  const mailer = {
    sendMail: async (mail: ApprovalMail) => {
      mails.push(mail);
      return sendMail(mail);
    },
  };
  const proof = {
    loginEndpoint: settings.MICROSOFT_AUTHORITY,
    clientId: "c1e27000-0000-4000-8000-00000000a001",
    redirectUri: new URL("https://api.example/admin-consent-callback"),
    isSignedIn: true,
  };
  const inMemory = {
    attempts,
    connections,
    vault,
    consents,
    frequencies,
    requests,
    ledger,
    proofs,
  };
  const stored: Stores = { ...inMemory, ...stores };
  const ports = {
    attempts: intercepted("attempts", stored.attempts, intercept),
    connections: intercepted("connections", stored.connections, intercept),
    vault: intercepted("vault", stored.vault, intercept),
    identity: intercepted("identity", identity, intercept),
    mailboxes: intercepted("mailboxes", mailboxes, intercept),
    sealer: intercepted("sealer", sampleSealer, intercept),
    signInSealer: intercepted("signInSealer", sampleSealer, intercept),
    tokenSealer: intercepted("tokenSealer", sampleSealer, intercept),
    consents: intercepted("consents", stored.consents, intercept),
    frequencies: intercepted("frequencies", stored.frequencies, intercept),
    requests: intercepted("requests", stored.requests, intercept),
    ledger: intercepted("ledger", stored.ledger, intercept),
    proofs: intercepted("proofs", stored.proofs, intercept),
    tenants: intercepted(
      "tenants",
      { ofDomain: async (domain: string) => tenantsByDomain[domain] },
      intercept,
    ),
    isFreeMailDomain: (domain: string) => domain === "freemail.example",
    sendMail: intercepted("mailer", mailer, intercept).sendMail,
    silentProofUrl: authorizationUrl({ ...proof, scopes: approvedScopes }),
    proofUrl: authorizationUrl({ ...proof, scopes: identityScopes }),
    approvalUrl: (token: Secret) => new URL(`https://api.example/admin-consent/${token.reveal()}`),
    noteStep: (step: ApprovalStep) => {
      steps.push(step);
    },
    noteDisconnected: logDisconnected,
    noteUnreadable: logUnreadableItem,
    meaningOf,
    authorizationUrl: authorizationUrl({
      loginEndpoint: settings.MICROSOFT_AUTHORITY,
      clientId: "c1e27000-0000-4000-8000-00000000a001",
      redirectUri: new URL("https://api.example/callback"),
    }),
    adminConsentUrl: adminConsentUrl({
      loginEndpoint: settings.MICROSOFT_AUTHORITY,
      clientId: "c1e27000-0000-4000-8000-00000000a001",
      redirectUri: new URL("https://api.example/admin-consent-callback"),
    }),
    personalAccounts,
    firstAuthority,
    now: clock.now,
    report: (left: LeftUndone | "approval_not_read") => {
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
    requestApproval: adminConsentRequestHandler(settings, ports),
    approvalStatus: approvalStatusHandler(settings, ports),
    adminConsent: adminConsentHandler(settings, ports),
    adminConsentCallback: adminConsentCallbackHandler(settings, ports),
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
    consents,
    frequencies,
    requests,
    ledger,
    proofs,
    mails,
    notices,
    steps,
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

    askAdministrator: (user: ProductUser, body: unknown, more: Partial<SampleRequest> = {}) =>
      send(handlers.requestApproval, {
        route: "POST /admin-consent-requests",
        user,
        ...jsonRequest(body),
        ...more,
      }),

    /** What an administrator sees who opens the link. */
    openLink: (token: string, query = "") =>
      send(handlers.adminConsent, {
        route: "GET /admin-consent/{token}",
        pathParameters: { token },
        query,
      }),

    /** The browser comes from Microsoft's approval page. */
    approvalAnswered: (query: Readonly<Record<string, string>> | string) =>
      send(handlers.adminConsentCallback, {
        route: "GET /admin-consent-callback",
        query: typeof query === "string" ? query : new URLSearchParams({ ...query }).toString(),
      }),

    /** The browser comes from the sign-in that proves who it is. */
    approvalProved: (fields: Readonly<Record<string, string>>, cookies: readonly string[] = []) =>
      send(handlers.adminConsentCallback, {
        route: "POST /admin-consent-callback",
        cookies,
        ...formRequest(fields),
      }),

    /** The minute has passed: those who wait are told. */
    resume: () =>
      resumeWaiting({
        ...ports,
        sendMail: async (request) => {
          notices.push(request);
          return "sent";
        },
        pause: async () => {},
        onResumed: () => {},
        report: () => {},
      }),

    approval: (user: ProductUser, query = "") =>
      send(handlers.approvalStatus, { route: "GET /admin-consent-requests", user, query }),

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
