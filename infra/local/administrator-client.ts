import * as z from "zod/mini";
import { type Arrival, type Person, signIn } from "./microsoft/walk-sign-in.ts";
import { postCallback } from "./product-client.ts";
import type { LocalStack } from "./stack.ts";

const inbox = z.object({
  emails: z.array(
    z.object({
      destination: z.object({ to: z.array(z.string()) }),
      subject: z.string(),
      body: z.object({ text: z.optional(z.string()), html: z.optional(z.string()) }),
    }),
  ),
});
export type ReceivedMail = z.infer<typeof inbox>["emails"][number];

/** All mails that SES has in this process, oldest first. */
export const allMails = async ({
  origins,
}: Pick<LocalStack, "origins">): Promise<readonly ReceivedMail[]> =>
  inbox.parse(await (await fetch(`${origins.mail}/store`)).json()).emails;

/** Those to an address. */
export const mailsTo = async (
  stack: Pick<LocalStack, "origins">,
  address: string,
): Promise<readonly ReceivedMail[]> =>
  (await allMails(stack)).filter(({ destination }) => destination.to.includes(address));

/** The one address in a mail's text; anything else that could be followed is an error. */
export const linkIn = ({ body }: ReceivedMail): URL => {
  const links = [...new Set((body.text ?? "").match(/https?:\/\/\S+/g))];
  if (links.length !== 1) throw new Error(`a mail with ${links.length} addresses`);
  return new URL(links[0] ?? "");
};

const unescaped = (text: string) => text.replaceAll("&amp;", "&");

/** Where the approval page's button leads. */
export const buttonOn = (html: string): URL => {
  const [, href] = /href="([^"]*\/v2\.0\/adminconsent\?[^"]*)"/.exec(html) ?? [];
  if (href === undefined) throw new Error("there is no way to Microsoft on this page");
  return new URL(unescaped(href));
};

/** Where the page about a missing assignment leads once it is made. */
export const tryAgainOn = (html: string, page: string | URL): URL => {
  const [, href] = /href="([^"]*)">Try again</.exec(html) ?? [];
  if (href === undefined) throw new Error("there is nothing to try again on this page");
  return new URL(unescaped(href), page);
};

export const openPage = async (url: URL) => {
  const response = await fetch(url, { redirect: "manual" });
  return { status: response.status, html: await response.text() };
};

/**
 * An administrator's browser without a browser: it goes from Microsoft's pages to ours and back with the cookies
 * of both. For the demo that runs by itself, and for tests.
 */
export const administratorsBrowser = () => {
  const microsoftCookies = new Map<string, string>();
  const ourCookies = new Map<string, string>();

  const send = async (url: URL, body?: URLSearchParams): Promise<Response> => {
    const response = await fetch(url, {
      redirect: "manual",
      headers: { cookie: [...ourCookies].map(([name, value]) => `${name}=${value}`).join("; ") },
      ...(body && { method: "POST", body }),
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      if (name !== undefined && value !== undefined) ourCookies.set(name, value);
    }
    return response;
  };

  const atMicrosoft = async (url: URL, person: Person): Promise<Arrival> => {
    const arrived = await signIn(url, { ...person, cookies: microsoftCookies });
    if (!("action" in arrived)) throw new Error(`Microsoft kept the person on ${arrived.kept}`);
    return arrived;
  };

  const locationOf = ({ status, headers }: Response): URL => {
    const location = headers.get("location");
    if (status !== 303 || location === null) throw new Error(`it leads nowhere: ${status}`);
    return new URL(location);
  };

  return {
    /** At Microsoft's approval page, and back to our callback. @returns what our callback answers */
    decide: async (consentUrl: URL, person: Person): Promise<Response> => {
      const { action, fields } = await atMicrosoft(consentUrl, person);
      const callback = new URL(action);
      callback.search = fields.toString();
      return send(callback);
    },

    /** Follows the callback to the sign-in to the administrator's own mailbox. @returns what `/callback` answers */
    signInAfter: async (answered: Response, person: Person) =>
      postCallback(await atMicrosoft(locationOf(answered), person)),

    /**
     * Follows the callback to the sign-in that proves who it is, and to those that follow if Microsoft has to show its
     * pages: one that may, and a silent one. @returns the last page
     */
    prove: async (answered: Response, person: Person): Promise<Response> => {
      let page = answered;
      for (let signIns = 0; signIns < 3 && page.status === 303; signIns += 1) {
        const { action, fields } = await atMicrosoft(locationOf(page), person);
        page = await send(action, fields);
      }
      return page;
    },

    /** Opens a page of ours, as this browser. */
    open: (url: URL): Promise<Response> => send(url),
  };
};
