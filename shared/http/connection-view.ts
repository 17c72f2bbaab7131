import type { Connection } from "../domain/connection.ts";

/** The connection as the product sees it. */
export const connectionView = ({
  id,
  status,
  account,
  scopes,
  createdAt,
  lastRefreshedAt,
  problem,
}: Connection) => ({
  id,
  status,
  account: {
    displayName: account.displayName,
    username: account.username,
    tenantId: account.tenantId,
  },
  scopes,
  createdAt: createdAt.toISOString(),
  lastRefreshedAt: lastRefreshedAt.toISOString(),
  problem,
});
