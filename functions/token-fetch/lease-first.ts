import type { Connections, Lease } from "../../shared/domain/connection.ts";
import { TookTooLong } from "../../shared/domain/in-time.ts";
import type { RefreshConnection, RefreshUnderLease } from "./refresh-connection.ts";
import { timeBudget } from "./time-budget.ts";

export interface LeaseFirstPorts {
  readonly connections: Pick<Connections, "acquireLease">;
  /** Loads what a refresh needs, which takes longer than asking for the lease. */
  readonly load: () => Promise<RefreshUnderLease>;
  readonly now: () => Date;
  /** A name that no other refresh ever has. */
  readonly leaseOwner: () => string;
}

/**
 * At most one refresh at a time for all workers: nobody asks Microsoft without the connection's lease. Nothing is
 * loaded before it is held, so of all who meet one expired token, one loads the refresh.
 */
export const leaseFirst =
  ({ connections, load, now, leaseOwner }: LeaseFirstPorts): RefreshConnection =>
  async (connection, deadline, purpose) => {
    const lease: Lease = {
      owner: leaseOwner(),
      expiresAt: new Date(now().getTime() + timeBudget.lease * 1000),
    };
    const { id, version } = connection;
    try {
      const acquired = await connections.acquireLease(id, version, lease, now());
      if (!acquired) return { kind: "elsewhere" };
    } catch (error) {
      // Under a herd the table can be slow to answer; whoever gets the lease, the outcome is read from the item.
      if (error instanceof TookTooLong) return { kind: "elsewhere" };
      throw error;
    }
    const refresh = await load();
    return refresh(connection, deadline, lease, purpose);
  };
