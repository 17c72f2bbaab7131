import type { ConnectionId } from "./ids.ts";

/**
 * A connection of our layout of which something is missing or of another type: somebody has changed what is stored, and
 * nobody but an operator can mend it. One that a later version of this code has written is none.
 */
export interface Unreadable {
  readonly id: ConnectionId;
  /** Names of the fields that are missing or not what they should be. */
  readonly fields: readonly string[];
}

/** Told of each once in a call, so that nobody takes it for dealt with. */
export type NoteUnreadable = (connection: Unreadable) => void;

export class UnreadableConnection extends Error implements Unreadable {
  override readonly name = "UnreadableConnection";
  readonly id: ConnectionId;
  readonly fields: readonly string[];

  constructor({ id, fields }: Unreadable) {
    super("What is stored of a connection cannot be read.");
    this.id = id;
    this.fields = fields;
  }
}

/** For whoever deals with many connections: one that cannot be read is noted, and keeps no other waiting. */
export const orNoteUnreadable = async (
  deal: () => Promise<void>,
  note: NoteUnreadable,
): Promise<void> => {
  try {
    await deal();
  } catch (error) {
    if (!(error instanceof UnreadableConnection)) throw error;
    note(error);
  }
};
