import type { ConnectionId, ProductUser, TenantId, WorkspaceId } from "./ids.ts";

/** What is kept under one connection's id, as far as ending it is concerned. */
export type WorkspaceItem =
  | {
      readonly kind: "connection";
      readonly id: ConnectionId;
      readonly owner: ProductUser;
      readonly tenantId: TenantId;
    }
  /** It was disconnected; whether its entry of the vault is erased as well does not show. */
  | { readonly kind: "tombstone"; readonly id: ConnectionId; readonly vaultEntry: string }
  /** Written by a later version of this code and not to be understood here. */
  | { readonly kind: "later"; readonly id: ConnectionId };

export interface WorkspacePage {
  /** In the order of the table; often none. */
  readonly items: readonly WorkspaceItem[];
  /** Where the next page begins: after this id, of whichever workspace. `undefined` at the end of the table. */
  readonly next: ConnectionId | undefined;
}

/** Connections of one workspace, among those of all. */
export interface WorkspaceConnections {
  /**
   * One page of the whole table, strongly consistent: with every page until there is no next one, all that was there
   * when the first was asked for is found. No index is by workspace, so each page reads a
   * hundred items of whichever workspace, some 80 read request units, and the whole table costs about as many units as it has connections.
   *
   * @param after an id, of an item that is there or not; of an item of a page as well
   */
  page(workspaceId: WorkspaceId, after: ConnectionId | undefined): Promise<WorkspacePage>;
}
