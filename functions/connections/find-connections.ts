import type { Connection, Connections, OwnedConnections } from "../../shared/domain/connection.ts";
import { guidingSoon } from "../../shared/domain/guiding.ts";
import type { ConnectionId, ProductUser, TenantId } from "../../shared/domain/ids.ts";
import type { Problem } from "../../shared/domain/problem.ts";
import { lostSince, type TenantConsents } from "../../shared/domain/tenant-consent.ts";

export interface FindConnectionsPorts {
  readonly connections: Pick<Connections, "findOwned" | "listOwned">;
  readonly consents: Pick<TenantConsents, "find">;
  /** Told when an approval could not be looked at: it counts as there. */
  readonly report: (left: "approval_not_read", error: unknown) => void;
}

const approvalLost: Problem = {
  code: "admin_approval_required",
  actor: "tenant_admin",
  message:
    "Your organisation's approval of Appse AI was withdrawn. When an administrator approves it again, this mailbox works again by itself.",
};

/**
 * Shows a connection whose tenant has lost its approval as what it is, also before its own next refresh finds
 * out. What is stored of it stays, so that it is as it was when the approval is back.
 */
const asItsTenantAllows = async (
  connections: readonly Connection[],
  { consents, report }: FindConnectionsPorts,
): Promise<readonly Connection[]> => {
  const tenants = new Set<TenantId>(
    connections
      .filter(({ status }) => status === "connected")
      .map(({ account }) => account.tenantId),
  );
  const looks = [...tenants].map(async (tenantId) => {
    const consent = await guidingSoon(
      () => consents.find({ kind: "tenant", tenantId }),
      (error) => report("approval_not_read", error),
    );
    return [tenantId, consent && lostSince(consent)] as const;
  });
  const lostAt = new Map(await Promise.all(looks));
  const isLost = ({ status, account, lastRefreshedAt }: Connection) => {
    const since = lostAt.get(account.tenantId);
    // What was renewed since then has a permission of its own.
    return status === "connected" && since !== undefined && lastRefreshedAt <= since;
  };
  return connections.map((connection) =>
    isLost(connection)
      ? { ...connection, status: "admin_approval_required", problem: approvalLost }
      : connection,
  );
};

export const listConnections = async (
  user: ProductUser,
  ports: FindConnectionsPorts,
): Promise<OwnedConnections> => {
  const owned = await ports.connections.listOwned(user);
  return { ...owned, connections: await asItsTenantAllows(owned.connections, ports) };
};

export const findConnection = async (
  id: ConnectionId,
  user: ProductUser,
  ports: FindConnectionsPorts,
): Promise<Connection | undefined> => {
  const connection = await ports.connections.findOwned(id, user);
  const [shown] = connection ? await asItsTenantAllows([connection], ports) : [];
  return shown;
};
