/** What the person does on Microsoft's pages. */
export interface SignInWalk {
  readonly username: string;
  /**
   * On the page that asks for consent: accept, accept for the whole organisation, or cancel. On "Need admin
   * approval": `return` goes back to the app, `request` sends a request first, and everything else stays.
   */
  readonly consent?: "accept" | "accept_for_organization" | "cancel" | "return" | "request";
}

/** The form that Microsoft posts to the app. */
export interface PostedForm {
  readonly action: URL;
  readonly fields: URLSearchParams;
}

/** Microsoft keeps the person on one of its pages. */
export interface Kept {
  /** The page's name, as in `data-page`. */
  readonly page: string;
  /** The AADSTS number that it shows. */
  readonly code: number | undefined;
}

const longestWalk = 12;

const unescaped = (text: string) =>
  text
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&#39;", "'")
    .replaceAll("&amp;", "&");

const attribute = (tag: string, name: string) => {
  const value = new RegExp(`\\b${name}="([^"]*)"`).exec(tag)?.[1];
  return value === undefined ? undefined : unescaped(value);
};

const pageNameOf = (html: string) => /<html[^>]*data-page="([^"]+)"/.exec(html)?.[1] ?? "";

/** What to send from a page, or nothing where the person stays. */
const answerTo = (
  page: string,
  { username, consent = "accept" }: SignInWalk,
): Readonly<Record<string, string>> | undefined => {
  switch (page) {
    case "pick-account":
    case "sign-in":
      return { account: username };
    case "password":
      return { action: "password", password: "any" };
    case "second-factor":
      return { action: "second-factor" };
    case "consent":
    case "admin-consent":
      if (consent === "cancel") return { action: "cancel" };
      return consent === "accept_for_organization"
        ? { action: "accept", organization: "true" }
        : { action: "accept" };
    case "need-admin-approval":
      return consent === "return" ? { action: "return" } : undefined;
    case "request-approval":
      if (consent === "request") return { action: "request", justification: "For my work." };
      return consent === "return" ? { action: "return" } : undefined;
    case "request-sent":
      return { action: "back-to-app" };
    default:
      return undefined;
  }
};

const postedForm = (html: string): PostedForm => {
  const form = /<form\b[^>]*>/.exec(html)?.[0] ?? "";
  const fields = new URLSearchParams();
  for (const [input] of html.matchAll(/<input\b[^>]*type="hidden"[^>]*>/g)) {
    fields.append(attribute(input, "name") ?? "", attribute(input, "value") ?? "");
  }
  return { action: new URL(attribute(form, "action") ?? ""), fields };
};

/**
 * Walks through the simulator's pages as a person with a new browser does: real requests, real cookies, real
 * forms. For tests and the demo that need no browser.
 *
 * @returns the form that goes to the app, or where Microsoft keeps the person
 */
export const walkSignIn = async (
  authorizationUrl: string | URL,
  walk: SignInWalk,
): Promise<PostedForm | Kept> => {
  let cookie = "";
  let response = await fetch(authorizationUrl, { redirect: "manual" });
  for (let pages = 0; pages < longestWalk; pages += 1) {
    cookie = response.headers.getSetCookie()[0]?.split(";")[0] ?? cookie;
    const html = await response.text();
    const page = pageNameOf(html);
    if (page === "form-post") return postedForm(html);
    const answer = answerTo(page, walk);
    if (!answer) {
      const code = /data-aadsts="(\d+)"/.exec(html)?.[1] ?? /AADSTS(\d+)/.exec(html)?.[1];
      return { page, code: code === undefined ? undefined : Number(code) };
    }
    const form = /<form\b[^>]*method="post"[^>]*>/.exec(html)?.[0] ?? "";
    response = await fetch(new URL(attribute(form, "action") ?? "", authorizationUrl), {
      method: "POST",
      headers: { cookie },
      body: new URLSearchParams(answer),
      redirect: "manual",
    });
  }
  throw new Error("the simulator's pages lead nowhere");
};
