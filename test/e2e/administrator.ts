import { expect } from "vitest";
import * as z from "zod/mini";
import { type Person, signIn } from "../../infra/local/microsoft/walk-sign-in.ts";
import { postCallback } from "../../infra/local/product-client.ts";
import type { LocalStack } from "../../infra/local/stack.ts";

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

/** All mails of this process's SES to an address, oldest first. */
export const mailsTo = async ({ origins }: LocalStack, address: string) => {
  const { emails } = inbox.parse(await (await fetch(`${origins.mail}/store`)).json());
  return emails.filter(({ destination }) => destination.to.includes(address));
};

/** The one address of ours in a mail's text, and nothing else that could be followed. */
export const linkIn = ({ body }: ReceivedMail): URL => {
  const links = [...new Set((body.text ?? "").match(/https?:\/\/\S+/g))];
  expect(links).toHaveLength(1);
  return new URL(links[0] ?? "");
};

const unescaped = (text: string) => text.replaceAll("&amp;", "&");

/** Where the approval page's button leads; the page says so to whoever opens it. */
export const buttonOn = (html: string): URL => {
  const [, href] = /href="([^"]*\/v2\.0\/adminconsent\?[^"]*)"/.exec(html) ?? [];
  if (href === undefined) expect.fail(`no way to Microsoft on this page: ${html}`);
  return new URL(unescaped(href));
};

export const openPage = async (url: URL) => {
  const response = await fetch(url, { redirect: "manual" });
  return { status: response.status, html: await response.text() };
};

/** A browser that goes from page to page with our cookie and Microsoft's. */
export const administratorsBrowser = () => {
  const microsoftCookies = new Map<string, string>();
  const ours = new Map<string, string>();

  const send = async (url: URL, body?: URLSearchParams) => {
    const response = await fetch(url, {
      redirect: "manual",
      headers: { cookie: [...ours].map(([name, value]) => `${name}=${value}`).join("; ") },
      ...(body && { method: "POST", body }),
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      if (name !== undefined && value !== undefined) ours.set(name, value);
    }
    return response;
  };

  const atMicrosoft = async (url: URL, person: Person) => {
    const arrived = await signIn(url, { ...person, cookies: microsoftCookies });
    if (!("action" in arrived)) expect.fail(`Microsoft kept the person on ${arrived.kept}`);
    return arrived;
  };

  return {
    ours,

    /** At Microsoft's approval page, and back to our callback. @returns what our callback answered */
    decide: async (consentUrl: URL, person: Person): Promise<Response> => {
      const { action, fields } = await atMicrosoft(consentUrl, person);
      const callback = new URL(action);
      callback.search = fields.toString();
      return send(callback);
    },

    get: send,

    /** Follows the callback to the sign-in to the administrator's own mailbox. @returns what `/callback` answers */
    signInAfter: async (answered: Response, person: Person) => {
      expect(answered.status).toBe(303);
      const location = new URL(answered.headers.get("location") ?? "");
      return postCallback(await atMicrosoft(location, person));
    },

    /** Follows the callback to the sign-in that proves who it is. @returns the last page */
    prove: async (answered: Response, person: Person): Promise<Response> => {
      expect(answered.status).toBe(303);
      const location = new URL(answered.headers.get("location") ?? "");
      const { action, fields } = await atMicrosoft(location, person);
      return send(action, fields);
    },
  };
};
