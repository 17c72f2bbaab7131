import { randomUUID } from "node:crypto";
import { mailsOf, personalTenantId } from "./directory.ts";
import { type HttpRequest, type HttpResponse, json } from "./http-exchange.ts";
import type { AccessGrant, Principal, Simulation } from "./simulation.ts";

/** An error in Graph's shape. */
export const graphError = (
  status: number,
  code: string,
  message: string,
  at: Date,
  headers: HttpResponse["headers"] = {},
): HttpResponse => {
  const requestId = randomUUID();
  return json(
    status,
    {
      error: {
        code,
        message,
        innerError: {
          date: at.toISOString().slice(0, 19),
          "request-id": requestId,
          "client-request-id": requestId,
        },
      },
    },
    { "request-id": requestId, "client-request-id": requestId, ...headers },
  );
};

/** Personal accounts have a short id at Graph; how it relates to `oid` is [unverified]. */
const graphId = ({ tenant, oid }: Principal) =>
  tenant.id === personalTenantId ? oid.replaceAll("-", "").slice(-16) : oid;

const selected = (
  object: Readonly<Record<string, unknown>>,
  query: URLSearchParams,
): Readonly<Record<string, unknown>> => {
  const names = query
    .get("$select")
    ?.split(",")
    .map((name) => name.trim());
  if (!names) return object;
  return Object.fromEntries(
    Object.entries(object).filter(([name]) => name.startsWith("@") || names.includes(name)),
  );
};

const profile = (principal: Principal) => {
  const { account, guest } = principal;
  return {
    id: graphId(principal),
    displayName: account.displayName,
    givenName: account.displayName.split(" ")[0],
    surname: account.displayName.split(" ").at(-1),
    mail: account.mailbox && !guest ? account.username : null,
    userPrincipalName: guest
      ? `${account.username.replace("@", "_")}#EXT#@${principal.tenant.domain}`
      : account.username,
  };
};

const inboxId = ({ oid }: Principal) => `AQMk${Buffer.from(`inbox/${oid}`).toString("base64url")}`;

const messages = (principal: Principal, startedAt: Date) =>
  mailsOf(principal.account).map((mail, index) => {
    const receivedAt = new Date(startedAt.getTime() - mail.hoursAgo * 3600_000);
    const sender = { emailAddress: mail.from };
    return {
      id: `AAMk${Buffer.from(`${principal.oid}/${index}`).toString("base64url")}`,
      receivedDateTime: `${receivedAt.toISOString().slice(0, 19)}Z`,
      subject: mail.subject,
      bodyPreview: mail.preview,
      body: { contentType: "text", content: mail.preview },
      importance: "normal",
      isRead: mail.isRead,
      isDraft: false,
      hasAttachments: false,
      parentFolderId: inboxId(principal),
      sender,
      from: sender,
      toRecipients: [
        {
          emailAddress: {
            name: principal.account.displayName,
            address: principal.account.username,
          },
        },
      ],
    };
  });

type Message = ReturnType<typeof messages>[number];

const isSortable = (name: string | undefined): name is "receivedDateTime" | "subject" =>
  name === "receivedDateTime" || name === "subject";

const messagePage = (all: readonly Message[], request: HttpRequest, origin: string, at: Date) => {
  const query = request.url.searchParams;
  const top = Number(query.get("$top") ?? 10);
  const skip = Number(query.get("$skip") ?? 0);
  const [by, direction = "asc"] = (query.get("$orderby") ?? "receivedDateTime desc").split(" ");
  if (!Number.isInteger(top) || top < 1 || top > 1000 || !Number.isInteger(skip) || skip < 0)
    return graphError(400, "BadRequest", "Invalid value for '$top' or '$skip'.", at);
  if (!isSortable(by))
    return graphError(400, "BadRequest", `Could not find a property '${by}'.`, at);

  const sign = direction === "desc" ? -1 : 1;
  const sorted = all.toSorted((one, other) => sign * one[by].localeCompare(other[by]));
  const value = sorted.slice(skip, skip + top).map((message) => ({
    "@odata.etag": `W/"${message.id.slice(-8)}"`,
    ...selected({ ...message }, query),
    id: message.id,
  }));
  const next = new URL(request.url.pathname + request.url.search, origin);
  next.searchParams.set("$skip", String(skip + top));
  return json(200, {
    "@odata.context": `${origin}/graph/v1.0/$metadata#users('me')/messages`,
    value,
    ...(skip + top < sorted.length && { "@odata.nextLink": next.href }),
  });
};

const holdsOneOf = ({ scopes }: AccessGrant, ...names: readonly string[]) => {
  const held = new Set(
    scopes.map((scope) => scope.toLowerCase().replace(/^https:\/\/[^/]+\//, "")),
  );
  return names.some((name) => held.has(name.toLowerCase()));
};

/** The few resources of Microsoft Graph that matter here, under `/graph/v1.0`. */
export const graph = (simulation: Simulation, request: HttpRequest): HttpResponse => {
  const { state, origin } = simulation;
  const now = simulation.now();
  const unauthorized = (message: string) =>
    graphError(401, "InvalidAuthenticationToken", message, now, {
      "www-authenticate": `Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", client_id="00000003-0000-0000-c000-000000000000"`,
    });

  const bearer = /^Bearer (.+)$/i.exec(request.headers.authorization ?? "")?.[1];
  if (bearer === undefined) return unauthorized("Access token is empty.");
  const grant = state.accessTokens.get(bearer);
  if (!grant) return unauthorized("IDX14100: JWT is not well formed.");
  if (grant.expiresAt <= now)
    return unauthorized("Lifetime validation failed, the token is expired.");
  if (request.method !== "GET")
    return graphError(405, "Request_BadRequest", "Specified HTTP method is not allowed.", now);

  const { principal } = grant;
  const path = request.url.pathname.replace(/^\/graph\/v1\.0/, "").toLowerCase();
  if (path === "/me")
    return holdsOneOf(grant, "User.Read")
      ? json(200, {
          "@odata.context": `${origin}/graph/v1.0/$metadata#users/$entity`,
          ...selected(profile(principal), request.url.searchParams),
        })
      : graphError(
          403,
          "Authorization_RequestDenied",
          "Insufficient privileges to complete the operation.",
          now,
        );

  const isInbox = path === "/me/mailfolders/inbox";
  const isMessages = path === "/me/messages" || path === "/me/mailfolders/inbox/messages";
  if (!isInbox && !isMessages)
    return graphError(400, "BadRequest", "Resource not found for the segment.", now);
  if (!holdsOneOf(grant, "Mail.ReadWrite", "Mail.Read", "Mail.ReadBasic"))
    return graphError(
      403,
      "ErrorAccessDenied",
      "Access is denied. Check credentials and try again.",
      now,
    );
  // A guest's mailbox is at home, not in the tenant that the token is for.
  if (!principal.account.mailbox || principal.guest)
    return graphError(
      404,
      "MailboxNotEnabledForRESTAPI",
      "The mailbox is either inactive, soft-deleted, or is hosted on-premise.",
      now,
    );

  const all = messages(principal, simulation.startedAt);
  if (isMessages) return messagePage(all, request, origin, now);
  return json(200, {
    "@odata.context": `${origin}/graph/v1.0/$metadata#users('me')/mailFolders/$entity`,
    ...selected(
      {
        id: inboxId(principal),
        displayName: "Inbox",
        childFolderCount: 0,
        unreadItemCount: all.filter(({ isRead }) => !isRead).length,
        totalItemCount: all.length,
      },
      request.url.searchParams,
    ),
  });
};
