import type { StoredConnection } from "../../shared/domain/connection.ts";
import { hashOf, personalAccountsTenant } from "../../shared/domain/ids.ts";
import {
  isSpreading,
  lostSince,
  type NoteStep,
  organisationKey,
  type TenantConsents,
  tallies,
} from "../../shared/domain/tenant-consent.ts";
import type { RefreshConnectionPorts } from "./refresh-connection.ts";

export interface TenantApprovalPorts {
  readonly consents: Pick<TenantConsents, "count" | "find" | "record">;
  readonly noteStep: NoteStep;
  /** Told once when a tenant loses its approval. */
  readonly onLost: (connection: StoredConnection) => void;
  readonly now: () => Date;
}

/**
 * What refreshes tell of a tenant: several of its accounts that are refused within minutes for the want of its
 * approval mean that the approval is gone, unless it was given so lately that it is still being applied, and one that is
 * renewed again means that it is back.
 */
export const tenantApproval = ({
  consents,
  noteStep,
  onLost,
  now,
}: TenantApprovalPorts): RefreshConnectionPorts["approval"] => ({
  async lost(connection) {
    const { tenantId, objectId } = connection.account;
    if (tenantId === personalAccountsTenant) return;
    const organisation = { kind: "tenant", tenantId } as const;
    const consent = await consents.find(organisation);
    // Not all of Microsoft knows of it yet. Whoever was refused before it is not counted any more when all does.
    if (consent.status === "verified" && isSpreading(consent, now())) return;
    const name = hashOf("refused_account", objectId);
    const refused = await consents.count(organisation, "lost", [name], now());
    if (refused < tallies.lost.atLeast) return;
    const { moved } = await consents.record(organisation, { kind: "lost" }, now());
    if (!moved) return;
    noteStep({ step: "lost", organisation: organisationKey(organisation) });
    onLost(connection);
  },

  async returned({ account, status }) {
    if (account.tenantId === personalAccountsTenant) return;
    const organisation = { kind: "tenant", tenantId: account.tenantId } as const;
    // A policy may have stopped it that has nothing to do with the approval, unless that is known to be lost.
    const wasRefused = status === "admin_approval_required";
    if (!wasRefused && !lostSince(await consents.find(organisation))) return;
    const event = { kind: "verified", proof: { kind: "user_grant" } } as const;
    const { moved } = await consents.record(organisation, event, now());
    if (moved) noteStep({ step: "verified", organisation: organisationKey(organisation) });
  },
});
