import { readFile } from "node:fs/promises";
import { extname } from "node:path";
import type { Answer } from "./answer.ts";

const folder = new URL("public/", import.meta.url);

/** Addresses of pages. Everything else is served under its file name. */
const pages = new Map([
  ["/", "connections.html"],
  ["/sign-in", "sign-in.html"],
  ["/outlook/return", "return.html"],
]);

const contentTypes = new Map([
  [".html", "text/html; charset=utf-8"],
  [".css", "text/css; charset=utf-8"],
  [".js", "text/javascript; charset=utf-8"],
  [".svg", "image/svg+xml"],
]);

/** @returns `undefined` if there is no such page or file */
export const staticFile = async (
  pathname: string,
  { apiOrigin }: { readonly apiOrigin: string },
): Promise<Answer | undefined> => {
  const name = pages.get(pathname) ?? /^\/([a-z][a-z0-9-]*\.(?:css|js|svg))$/.exec(pathname)?.[1];
  if (name === undefined) return undefined;
  const type = contentTypes.get(extname(name));
  if (type === undefined) return undefined;
  try {
    // Read at every request, so that an edited page shows after a reload.
    const body = await readFile(new URL(name, folder));
    return {
      status: 200,
      headers: { "content-type": type, ...(name.endsWith(".html") && pageHeaders(apiOrigin)) },
      body,
    };
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
};

const pageHeaders = (apiOrigin: string) => ({
  "content-security-policy": [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    `connect-src 'self' ${apiOrigin}`,
    "img-src 'self' data:",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join("; "),
  // Keeps strangers' windows away from the page, and yet lets it hold on to the one it opens for Microsoft.
  "cross-origin-opener-policy": "same-origin-allow-popups",
});
