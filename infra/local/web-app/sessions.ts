import { randomBytes } from "node:crypto";
import { type Person, people } from "./people.ts";

/** Cookies are shared by all ports of a host, so the name must not collide with a neighbour's. */
const cookieName = "appse_session";

/** Who is signed in, in the memory of this process: a restart signs everybody out. */
export class Sessions {
  readonly #people = new Map<string, Person>();

  /** @returns the `Set-Cookie` value of a new session, or `undefined` if there is no such person. */
  begin(personId: string): string | undefined {
    const person = people.find(({ id }) => id === personId);
    if (!person) return undefined;
    const id = randomBytes(32).toString("base64url");
    this.#people.set(id, person);
    // Lax, not Strict: the way back from Microsoft is a navigation from another site. `Secure` is
    // missing only because the demo is plain http on this machine.
    return `${cookieName}=${id}; Path=/; HttpOnly; SameSite=Lax`;
  }

  /** @param cookies the request's `Cookie` header */
  find(cookies: string | undefined): Person | undefined {
    return this.#people.get(sessionId(cookies) ?? "");
  }

  /** @returns the `Set-Cookie` value that makes the browser forget the session, which is over now. */
  end(cookies: string | undefined): string {
    this.#people.delete(sessionId(cookies) ?? "");
    return `${cookieName}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0`;
  }
}

const sessionId = (cookies = "") =>
  cookies
    .split(/;\s*/)
    .find((cookie) => cookie.startsWith(`${cookieName}=`))
    ?.slice(cookieName.length + 1);
