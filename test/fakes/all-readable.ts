import type { OnUnreadable } from "../../shared/domain/unreadable-item.ts";

/** For where nothing is spoiled. */
export const allReadable: OnUnreadable = (error) => {
  throw error;
};
