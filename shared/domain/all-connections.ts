import type { ConnectionId, ProductUser, TenantId, WorkspaceId } from "./ids.ts";

/** Whose connections are meant: those of one workspace, of one tenant, of both at once, or of all. */
export interface Whose {
  readonly workspaceId?: WorkspaceId | undefined;
  readonly tenantId?: TenantId | undefined;
}

/** What is kept under one connection's id, as far as ending it is concerned. */
export type FoundItem =
  | {
      readonly kind: "connection";
      readonly id: ConnectionId;
      readonly owner: ProductUser;
      readonly tenantId: TenantId;
      /** `undefined` if it was stored before that was kept. */
      readonly signedInAt: Date | undefined;
      /** Until a sign-in to be required deletes them; see `requireSignIn`. */
      readonly hasTokens: boolean;
    }
  /** It was disconnected; whether its entry of the vault is erased as well does not show. It belongs to no tenant. */
  | { readonly kind: "tombstone"; readonly id: ConnectionId; readonly vaultEntry: string }
  /** Written by a later version of this code and not to be understood here. */
  | { readonly kind: "later"; readonly id: ConnectionId };

export interface FoundPage {
  /** In the order of the table; often none. */
  readonly items: readonly FoundItem[];
  /** Where the next page begins: after this id, whosesoever. `undefined` at the end of the table. */
  readonly next: ConnectionId | undefined;
}

/** Connections found among those of all. */
export interface AllConnections {
  /**
   * One page of the whole table, strongly consistent: with every page until there is no next one, all that was there
   * when the first was asked for is found. No index is by workspace or tenant, so each page reads a
   * hundred items, whosesoever, some 80 read request units, and the whole table costs about as many units as it has connections.
   *
   * @param after an id, of an item that is there or not; of an item of a page as well
   */
  page(whose: Whose, after: ConnectionId | undefined): Promise<FoundPage>;
}

export interface WalkPorts {
  readonly all: AllConnections;
  /** Between two pages, for the sake of others who read the table. */
  readonly pause: () => Promise<void>;
  readonly now: () => Date;
}

export interface Walk {
  readonly whose: Whose;
  readonly startAt: ConnectionId | undefined;
  /** When the invocation ends. */
  readonly deadline: Date;
}

/** So long before its deadline a call begins nothing more: enough for one connection on a bad day. */
const reserveMilliseconds = 20_000;

export const isOver = (deadline: Date, now: Date): boolean =>
  now.getTime() > deadline.getTime() - reserveMilliseconds;

/**
 * Deals with one item after the other, in the order of the table, as long as the time allows.
 *
 * @returns from where another call goes on; `undefined` when all were dealt with
 */
export const walkConnections = async (
  { whose, startAt, deadline }: Walk,
  { all, pause, now }: WalkPorts,
  deal: (item: FoundItem) => Promise<void>,
): Promise<ConnectionId | undefined> => {
  let place = startAt;
  for (;;) {
    const { items, next } = await all.page(whose, place);
    for (const item of items) {
      await deal(item);
      if (isOver(deadline, now())) return item.id;
    }
    if (next === undefined || isOver(deadline, now())) return next;
    place = next;
    await pause();
  }
};
