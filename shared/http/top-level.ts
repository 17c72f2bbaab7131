import type { HttpRequest } from "./request.ts";

/**
 * Whether the browser shows the answer in a window or tab of its own: what comes into a frame, an image or a script, nobody
 * has seen. A browser that does not say is taken at its best.
 *
 * @see https://www.w3.org/TR/fetch-metadata/#sec-fetch-dest-header
 */
export const isTopLevel = ({ headers }: Pick<HttpRequest, "headers">): boolean =>
  (headers["sec-fetch-dest"] ?? "document") === "document";
