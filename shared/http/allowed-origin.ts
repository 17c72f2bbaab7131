import type { HttpRequest } from "./request.ts";

/**
 * Whether a page of the product sent this. A browser always names the origin of a cross-origin request that
 * changes something; a caller that is no browser names none, and needs the user's token all the same.
 */
export const isFromProduct = ({ headers }: HttpRequest, origins: readonly string[]): boolean => {
  const origin = headers.origin;
  return origin === undefined || origins.includes(origin);
};
