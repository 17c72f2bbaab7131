import type { ConnectionId, ProductUser, TenantId, WorkspaceId } from "./ids.ts";
import { type NoteUnreadable, orNoteUnreadable, type Unreadable } from "./unreadable-connection.ts";

/** Whose connections are meant: those of one workspace, of one tenant, of both at once, or of all. */
export interface Whose {
  readonly workspaceId?: WorkspaceId | undefined;
  readonly tenantId?: TenantId | undefined;
}

/** What is kept under one connection's id, as far as ending it is concerned. */
export type FoundItem =
  | ReadableItem
  /** Written by a later version of this code and not to be understood here. */
  | { readonly kind: "later"; readonly id: ConnectionId }
  | ({ readonly kind: "unreadable" } & Unreadable);

export type ReadableItem =
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
  | { readonly kind: "tombstone"; readonly id: ConnectionId; readonly vaultEntry: string };

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
   * One that does not say any more whose it is belongs to everybody, as unreadable.
   *
   * @param after an id, of an item that is there or not; of an item of a page as well
   */
  page(whose: Whose, after: ConnectionId | undefined): Promise<FoundPage>;
}

export interface WalkPorts {
  readonly all: AllConnections;
  /** Between two pages, for the sake of others who read the table. */
  readonly pause: () => Promise<void>;
  readonly noteUnreadable: NoteUnreadable;
  readonly now: () => Date;
}

export interface Walk {
  readonly whose: Whose;
  readonly startAt: ConnectionId | undefined;
  /** When the invocation ends. */
  readonly deadline: Date;
}

export interface Walked {
  /** Written by a later version of this code, and not dealt with. */
  readonly leftOut: number;
  /** Noted, and not dealt with. */
  readonly unreadable: number;
  /** From where another call goes on; `undefined` when all were looked at. */
  readonly next: ConnectionId | undefined;
}

/** So long before its deadline a call begins nothing more: enough for one connection on a bad day. */
const reserveMilliseconds = 20_000;

export const isOver = (deadline: Date, now: Date): boolean =>
  now.getTime() > deadline.getTime() - reserveMilliseconds;

/** Deals with one item after the other, in the order of the table, as long as the time allows. */
export const walkConnections = async (
  { whose, startAt, deadline }: Walk,
  { all, pause, noteUnreadable, now }: WalkPorts,
  deal: (item: ReadableItem) => Promise<void>,
): Promise<Walked> => {
  let leftOut = 0;
  let unreadable = 0;
  const note: NoteUnreadable = (connection) => {
    unreadable += 1;
    noteUnreadable(connection);
  };
  let place = startAt;
  for (;;) {
    const { items, next } = await all.page(whose, place);
    for (const item of items) {
      if (item.kind === "later") leftOut += 1;
      else if (item.kind === "unreadable") note(item);
      // What a page shows of it may be sound, and the rest not.
      else await orNoteUnreadable(() => deal(item), note);
      if (isOver(deadline, now())) return { leftOut, unreadable, next: item.id };
    }
    if (next === undefined || isOver(deadline, now())) return { leftOut, unreadable, next };
    place = next;
    await pause();
  }
};
