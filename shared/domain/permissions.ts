import { createHash } from "node:crypto";

/** What a workflow may do with a mailbox. Delegated Microsoft Graph permissions, the least that serve. */
export const graphScopes = ["User.Read", "Mail.ReadWrite", "Mail.Send"] as const;

/** Each of them in the words of a person who has to approve it, and why it is needed. */
export const permissionReasons: Readonly<
  Record<(typeof graphScopes)[number], { readonly title: string; readonly reason: string }>
> = {
  "User.Read": {
    title: "See who signed in",
    reason: "to show each person which account they connected",
  },
  "Mail.ReadWrite": {
    title: "Read, write and delete the mail of the person who connects",
    reason: "so that their workflows can find messages, file them, and prepare drafts",
  },
  "Mail.Send": {
    title: "Send mail as the person who connects",
    reason: "so that their workflows can send the messages they were built to send",
  },
};

/** OpenID Connect scopes; `offline_access` asks for the refresh token. OpenID Connect Core §11 */
export const openIdScopes = ["openid", "profile", "email", "offline_access"] as const;

/** All that a sign-in names which is to prove who somebody is, and nothing else. */
export const identityScopes: readonly string[] = ["openid", "profile"];

/** All that one authorization request names. */
export const requestedScopes: readonly string[] = [...openIdScopes, ...graphScopes];

/**
 * All that needs an approval. Asked for silently, Microsoft tells whether it is given; without `offline_access`, for
 * nobody keeps what is answered.
 */
export const approvedScopes: readonly string[] = requestedScopes.filter(
  (scope) => scope !== "offline_access",
);

/** Microsoft spells the same Graph scope with and without its resource, in either letter case. */
const spelling = (scope: string) =>
  scope.toLowerCase().replace(/^https:\/\/[a-z0-9-]*graph[a-z0-9.]*\//, "");

/** Which of the Graph scopes in `needed` an answer leaves out. */
export const missingScopes = (
  granted: readonly string[],
  needed: readonly string[] = graphScopes,
): readonly string[] => {
  const held = new Set(granted.map(spelling));
  const openId = new Set<string>(openIdScopes);
  return needed.filter((scope) => !openId.has(scope) && !held.has(spelling(scope)));
};

/**
 * Names the set of permissions that is asked for. An approval counts for one app registration and one set, so
 * that a new permission begins its own approvals beside the old ones.
 */
export const scopeSetOf = (scopes: readonly string[]): string =>
  createHash("sha256")
    .update(scopes.map(spelling).toSorted().join(" "))
    .digest("base64url")
    .slice(0, 12);

/** The set that this version of the service asks for. */
export const requestedScopeSet: string = scopeSetOf(requestedScopes);
