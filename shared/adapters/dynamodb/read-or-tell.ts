import * as z from "zod/mini";
import { type OnUnreadable, UnreadableItem } from "../../domain/unreadable-item.ts";

/**
 * Reads one of many items, so that one that somebody has spoiled keeps no other waiting.
 *
 * @param key where it lies in its table
 * @returns `undefined` for one that cannot be read, of which `onUnreadable` is told
 */
export const readOrTell = <Schema extends z.core.$ZodType>(
  schema: Schema,
  item: unknown,
  key: string,
  onUnreadable: OnUnreadable,
): z.output<Schema> | undefined => {
  const { data, success } = z.safeParse(schema, item);
  if (success) return data;
  onUnreadable(new UnreadableItem(key));
  return undefined;
};
