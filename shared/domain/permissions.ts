/** What a workflow may do with a mailbox. Delegated Microsoft Graph permissions, the least that serve. */
export const graphScopes = ["User.Read", "Mail.ReadWrite", "Mail.Send"] as const;

/** OpenID Connect scopes; `offline_access` asks for the refresh token. OpenID Connect Core §11 */
export const openIdScopes = ["openid", "profile", "email", "offline_access"] as const;

/** All that one authorization request names. */
export const requestedScopes: readonly string[] = [...openIdScopes, ...graphScopes];

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
