import { randomUUID } from "node:crypto";
import { mailsOf } from "./directory.ts";
import { type HttpRequest, type HttpResponse, json } from "./http-exchange.ts";
import type { AccessGrant, Simulation } from "./simulation.ts";

/** An error as Graph words it. https://learn.microsoft.com/graph/errors */
export const graphError = (
  status: number,
  code: string,
  message: string,
  at: Date,
  headers: Readonly<Record<string, string>> = {},
): HttpResponse => {
  const requestId = randomUUID();
  const innerError = { date: at.toISOString().slice(0, 19), "request-id": requestId };
  return json(status, { error: { code, message, innerError } }, { "request-id": requestId, ...headers });
};

const readBearer = ({ headers }: HttpRequest): string => {
  const [scheme, token = ""] = (headers.authorization ?? "").split(" ");
  return scheme?.toLowerCase() === "bearer" ? token : "";
};

const holdsAny = ({ scopes }: AccessGrant, ...names: readonly string[]) =>
  names.some((name) => scopes.includes(name));

const inbox = { id: "AQMkAGluYm94", displayName: "Inbox" };

const messagesOf = ({ startedAt }: Simulation, { principal }: AccessGrant) =>
  mailsOf(principal.account).map((mail, index) => ({
    id: `AAMk${index}`,
    subject: mail.subject,
    bodyPreview: mail.preview,
    isRead: mail.isRead,
    receivedDateTime: `${new Date(startedAt.getTime() - mail.hoursAgo * 3_600_000).toISOString().slice(0, 19)}Z`,
    from: { emailAddress: mail.from },
    sender: { emailAddress: mail.from },
  }));

/** `$select`: the named members, and always the id. */
const selected = (object: Readonly<Record<string, unknown>>, select: string | null) => {
  if (!select) return object;
  const names = new Set(["id", ...select.split(",").map((name) => name.trim())]);
  return Object.fromEntries(Object.entries(object).filter(([name]) => names.has(name)));
};

const listMessages = (simulation: Simulation, { url }: HttpRequest, grant: AccessGrant) => {
  const { searchParams } = url;
  const top = Number(searchParams.get("$top") ?? 10);
  const ascending = /^receivedDateTime(\s+asc)?$/i.test(searchParams.get("$orderby") ?? "");
  const newestFirst = messagesOf(simulation, grant);
  const ordered = ascending ? newestFirst.toReversed() : newestFirst;
  return {
    "@odata.context": `${url.origin}/graph/v1.0/$metadata#users('me')/messages`,
    value: ordered.slice(0, top).map((mail) => selected(mail, searchParams.get("$select"))),
  };
};

/** The few resources of Microsoft Graph that this project uses, below `/graph/v1.0`. */
export const graph = (simulation: Simulation, request: HttpRequest): HttpResponse => {
  const now = simulation.now();
  const grant = simulation.state.accessTokens.get(readBearer(request));
  if (!grant || grant.expiresAt <= now) {
    const message = grant
      ? "Lifetime validation failed, the token is expired."
      : "IDX14100: JWT is not well formed.";
    return graphError(401, "InvalidAuthenticationToken", message, now, {
      "www-authenticate": 'Bearer realm="", client_id="00000003-0000-0000-c000-000000000000"',
    });
  }
  const { account } = grant.principal;
  const denied = () =>
    graphError(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.", now);
  const noMailbox = () =>
    graphError(
      404,
      "MailboxNotEnabledForRESTAPI",
      "The mailbox is either inactive, soft-deleted, or is hosted on-premise.",
      now,
    );
  const ofMailbox = (read: () => unknown): HttpResponse => {
    if (!holdsAny(grant, "Mail.Read", "Mail.ReadWrite", "Mail.ReadBasic")) return denied();
    if (!account.mailbox || grant.principal.guest) return noMailbox();
    return json(200, read());
  };

  const path = request.url.pathname.replace(/^\/graph\/v1\.0/, "");
  const select = request.url.searchParams.get("$select");
  switch (request.method === "GET" ? path : "") {
    case "/me":
      if (!holdsAny(grant, "User.Read")) return denied();
      return json(
        200,
        selected(
          {
            id: grant.principal.oid,
            displayName: account.displayName,
            mail: account.mailbox ? account.username : null,
            userPrincipalName: account.username,
          },
          select,
        ),
      );
    case "/me/mailFolders/inbox":
      return ofMailbox(() => selected(inbox, select));
    case "/me/messages":
    case "/me/mailFolders/inbox/messages":
      return ofMailbox(() => listMessages(simulation, request, grant));
    default:
      return graphError(400, "BadRequest", "The simulator does not know this resource.", now);
  }
};
