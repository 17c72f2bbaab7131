import type { HttpRequest } from "./request.ts";

/** @returns `undefined` if there is none of this name, or more than one */
export const cookieOf = ({ cookies }: HttpRequest, name: string): string | undefined => {
  const values = cookies
    .filter((cookie) => cookie.startsWith(`${name}=`))
    .map((cookie) => cookie.slice(name.length + 1));
  return values.length === 1 ? values[0] : undefined;
};

/**
 * Names the browser that was sent to Microsoft and is to come back from there. Nobody but this host can set
 * it (`__Host-`), no script can read it, and it is sent with a form that Microsoft's page posts, which to the
 * browser is another site: `SameSite=None`. RFC 6265bis §4.1.3.2, §8.8.2
 */
export const browserCookie = (name: `__Host-${string}`, value: string, seconds: number): string =>
  `${name}=${value}; Path=/; Max-Age=${seconds}; Secure; HttpOnly; SameSite=None`;
