/** Somebody has spoiled an item: a field is missing, or of another type. It stays so until the operator mends it. */
export class UnreadableItem extends Error {
  override readonly name = "UnreadableItem";
  /** Where it lies in its table. */
  readonly key: string;

  constructor(key: string) {
    super("an item cannot be read");
    this.key = key;
  }
}

/** Told of one that is passed over, so that others do not wait for it. */
export type OnUnreadable = (error: UnreadableItem) => void;
