import type { PageName } from "./pages/page.ts";

/** How a person behaves on Microsoft's pages. */
export interface Person {
  readonly username: string;
  /**
   * On a consent page, one's own or an administrator's: `accept`, `accept_for_organization` (ticks the
   * box, where it is offered), `decline` (Cancel), or `leave` (closes the page).
   */
  readonly consent?: "accept" | "accept_for_organization" | "decline" | "leave";
  /**
   * On "Need admin approval": `leave` (the default), `return` ("Return to the application without granting
   * consent"), `request` (sends a request and closes the page) or `request_and_return` ("Back to app").
   */
  readonly approval?: "leave" | "return" | "request" | "request_and_return";
  /** Cookies by name, kept from one walk to the next by whoever passes the same map. */
  readonly cookies?: Map<string, string>;
}

/** What reaches the app: the fields, and the redirect URI they are sent to. */
export interface Arrival {
  readonly action: URL;
  readonly fields: URLSearchParams;
  /** The pages that were seen on the way. */
  readonly pages: readonly PageName[];
}

/** Microsoft keeps the person: nothing reaches the app. */
export interface Kept {
  readonly kept: PageName;
  /** On an error page, its number. */
  readonly aadsts: number | undefined;
  readonly html: string;
  readonly pages: readonly PageName[];
}

const entities: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  "#39": "'",
};

const unescaped = (text: string) =>
  text.replace(/&(amp|lt|gt|quot|#39);/g, (whole, name: string) => entities[name] ?? whole);

const attribute = (tag: string, name: string): string | undefined => {
  const value = new RegExp(`\\s${name}="([^"]*)"`).exec(tag)?.[1];
  return value === undefined ? undefined : unescaped(value);
};

interface Form {
  readonly action: string;
  /** As they are sent if nobody types anything. */
  readonly fields: URLSearchParams;
  readonly buttons: readonly { readonly name: string; readonly value: string }[];
}

/** Reads our own pages only: every attribute is quoted there, and no form holds another. */
const formsOf = (html: string): readonly Form[] =>
  [...html.matchAll(/<form\b[^>]*>[\s\S]*?<\/form>/g)].map(([form]) => {
    const tags = form.match(/<(form|input|button|textarea)\b[^>]*>/g) ?? [];
    const fields = new URLSearchParams();
    for (const tag of tags) {
      const name = attribute(tag, "name");
      const typed = tag.startsWith("<input") && attribute(tag, "type") !== "checkbox";
      if (name !== undefined && typed) fields.append(name, attribute(tag, "value") ?? "");
    }
    return {
      action: attribute(tags[0] ?? "", "action") ?? "",
      fields,
      buttons: tags
        .filter((tag) => tag.startsWith("<button"))
        .map((tag) => ({
          name: attribute(tag, "name") ?? "",
          value: attribute(tag, "value") ?? "",
        })),
    };
  });

const pageNames: ReadonlySet<string> = new Set<PageName>([
  "pick-account",
  "sign-in",
  "password",
  "second-factor",
  "consent",
  "need-admin-approval",
  "request-approval",
  "request-sent",
  "admin-consent",
  "signed-out",
  "error",
]);

const isPageName = (name: string | undefined): name is PageName =>
  name !== undefined && pageNames.has(name);

/** Which button the person presses, as its value; `undefined` if they stay. */
const choice = (
  name: PageName,
  { consent = "accept", approval = "leave" }: Person,
): string | undefined => {
  switch (name) {
    case "password":
    case "second-factor":
      return name;
    case "consent":
    case "admin-consent":
      if (consent === "leave") return undefined;
      return consent === "decline" ? "cancel" : "accept";
    case "need-admin-approval":
      return approval === "leave" ? undefined : "return";
    case "request-approval":
      if (approval === "leave") return undefined;
      return approval === "return" ? "return" : "request";
    case "request-sent":
      return approval === "request_and_return" ? "back-to-app" : undefined;
    default:
      return undefined;
  }
};

interface Sent {
  readonly action: string;
  readonly fields: URLSearchParams;
}

/** What the person sends from this page; `undefined` if they stay on it. */
const sentFrom = (name: PageName, html: string, person: Person): Sent | undefined => {
  const forms = formsOf(html);
  const pressed = (field: string, value: string): Sent | undefined => {
    const form = forms.find(({ buttons }) =>
      buttons.some((button) => button.name === field && button.value === value),
    );
    if (!form) return undefined;
    const fields = new URLSearchParams(form.fields);
    fields.append(field, value);
    return { action: form.action, fields };
  };

  if (name === "pick-account")
    return pressed("account", person.username) ?? pressed("action", "another");
  if (name === "sign-in") {
    // A complaint about what was typed: typing it again would not help.
    if (html.includes('role="alert"')) return undefined;
    const sent = pressed("action", "username");
    sent?.fields.set("username", person.username);
    return sent;
  }
  const value = choice(name, person);
  const sent = value === undefined ? undefined : pressed("action", value);
  if (person.consent === "accept_for_organization" && html.includes('name="organization"'))
    sent?.fields.set("organization", "true");
  return sent;
};

/** More pages than any way through has. */
const pageLimit = 12;

/**
 * Goes the way of a person through the simulator's real pages, without a browser, up to the moment where
 * a browser would call the app. It never calls the app: post `fields` to `action` yourself (or navigate
 * there, if the response mode is not `form_post`).
 *
 * @param url of `/authorize` or `/adminconsent`
 */
export const signIn = async (url: URL | string, person: Person): Promise<Arrival | Kept> => {
  const cookies = person.cookies ?? new Map<string, string>();
  const { origin } = new URL(url);
  const pages: PageName[] = [];
  let target = new URL(url);
  let body: URLSearchParams | undefined;

  for (let step = 0; step < pageLimit; step += 1) {
    const response: Response = await fetch(target, {
      redirect: "manual",
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join("; ") },
      ...(body && { method: "POST", body }),
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      if (name !== undefined && value !== undefined) cookies.set(name, value);
    }

    const location = response.headers.get("location");
    if (location !== null) {
      const arrived = new URL(location, origin);
      const fields = new URLSearchParams(
        arrived.hash.length > 1 ? arrived.hash.slice(1) : arrived.search,
      );
      const action = new URL(arrived);
      action.search = "";
      action.hash = "";
      return { action, fields, pages };
    }

    const html = await response.text();
    const named = /<html[^>]*\sdata-page="([^"]*)"/.exec(html)?.[1];
    if (named === "form-post") {
      const form = formsOf(html)[0];
      if (!form) throw new Error("a form-post page without a form");
      return { action: new URL(form.action), fields: form.fields, pages };
    }
    if (!isPageName(named)) throw new Error(`an unknown page, status ${response.status}`);
    pages.push(named);
    const sent = sentFrom(named, html, person);
    if (!sent) {
      const aadsts = /data-aadsts="(\d+)"/.exec(html)?.[1];
      return {
        kept: named,
        aadsts: aadsts === undefined ? undefined : Number(aadsts),
        html,
        pages,
      };
    }
    target = new URL(sent.action, origin);
    body = sent.fields;
  }
  throw new Error(`lost between pages: ${pages.join(", ")}`);
};
