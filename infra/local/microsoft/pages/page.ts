import { randomBytes } from "node:crypto";
import { type Html, html } from "../../../../shared/pages/html.ts";
import type { HttpResponse } from "../http-exchange.ts";

/** Every page on which Microsoft may keep a person. It is the value of `data-page` on the root element. */
export type PageName =
  | "pick-account"
  | "sign-in"
  | "password"
  | "second-factor"
  | "consent"
  | "need-admin-approval"
  | "request-approval"
  | "request-sent"
  | "admin-consent"
  | "signed-out"
  | "control"
  | "error";

interface Page {
  readonly name: PageName;
  readonly title: string;
  readonly content: Html;
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

const styles = `
:root {
  color-scheme: light dark;
  --page: #f2f2f2; --card: #fff; --text: #1b1b1b; --muted: #5d5d5d; --line: #8c8c8c;
  --soft: #ededed; --accent: #0067b8; --accent-text: #fff; --link: #0067b8; --wrong: #c50f1f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #1f1f1f; --card: #2b2b2b; --text: #f3f3f3; --muted: #b9b9b9; --line: #8f8f8f;
    --soft: #3a3a3a; --accent: #2b88d8; --accent-text: #0b0b0b; --link: #6cb8f6; --wrong: #ff9ea6;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; min-height: 100vh; display: flex; flex-direction: column;
  background: var(--page); color: var(--text);
  font: 15px/1.4 "Segoe UI", "Segoe UI Web (West European)", -apple-system, Roboto, "Helvetica Neue", sans-serif;
}
.band {
  padding: 8px 16px; text-align: center; font-weight: 600; color: #1b1b1b; background: #ffd866;
}
main {
  margin: auto; width: min(440px, 100%); padding: 40px 44px; background: var(--card);
  box-shadow: 0 2px 6px rgb(0 0 0 / 20%);
}
.mark { display: flex; align-items: center; gap: 8px; color: var(--muted); font-weight: 600; }
.mark svg { display: block; }
h1 { margin: 16px 0 12px; font-size: 24px; font-weight: 600; line-height: 1.2; }
h2 { margin: 20px 0 8px; font-size: 15px; font-weight: 600; }
p { margin: 0 0 12px; }
ul { margin: 0 0 16px; padding: 0; list-style: none; }
.permissions li { padding: 8px 0; border-bottom: 1px solid var(--soft); }
.muted { color: var(--muted); font-size: 13px; }
.who { color: var(--muted); overflow-wrap: anywhere; }
.wrong { color: var(--wrong); }
form > ul:has(.tile) { margin: 0; }
.tile {
  display: grid; grid-template-columns: 40px minmax(0, 1fr); align-items: center; column-gap: 14px;
  width: 100%; min-height: 64px; padding: 10px 12px; border: 0; border-bottom: 1px solid var(--soft);
  text-align: left; background: none; color: inherit; font: inherit; cursor: pointer;
}
form > .tile { border-bottom: 0; }
.tile:hover { background: var(--soft); }
.tile span { overflow-wrap: anywhere; grid-column: 2; }
.tile .face {
  grid-column: 1; grid-row: 1 / span 3; display: grid; place-items: center; width: 40px; height: 40px;
  border-radius: 50%; background: var(--soft); color: var(--muted); font-weight: 600;
}
.tile:hover .face { background: var(--card); }
.tile .face:nth-last-child(2) { grid-row: 1; }
label { display: block; }
input[type="text"], input[type="password"], textarea {
  display: block; width: 100%; margin: 4px 0 16px; padding: 8px; border: 1px solid var(--line);
  background: var(--card); color: inherit; font: inherit;
}
textarea { min-height: 80px; }
.check { display: flex; gap: 10px; align-items: flex-start; margin: 0 0 16px; }
.check input { margin-top: 4px; }
.actions { display: flex; flex-wrap: wrap; justify-content: flex-end; gap: 8px; margin-top: 20px; }
.button {
  min-width: 108px; padding: 7px 16px; border: 1px solid transparent; background: var(--soft);
  color: inherit; font: inherit; cursor: pointer;
}
.primary { background: var(--accent); color: var(--accent-text); }
.link {
  padding: 0; border: 0; background: none; color: var(--link); font: inherit; text-align: left;
  cursor: pointer;
}
.link:hover { text-decoration: underline; }
.links { margin-top: 20px; }
.links p { margin: 0 0 12px; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
dl { margin: 0; display: grid; grid-template-columns: auto 1fr; gap: 2px 12px; font-size: 13px; }
dt { color: var(--muted); }
dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 480px) {
  main { margin: 0 auto; padding: 24px; box-shadow: none; }
  .tile { padding-inline: 4px; column-gap: 12px; }
}
`;

/** A neutral mark of our own: the simulator must not wear Microsoft's. */
const mark = html`<p class="mark"><svg width="20" height="20" viewBox="0 0 20 20" aria-hidden="true"><circle cx="10" cy="10" r="8" fill="none" stroke="currentColor" stroke-width="2"/><circle cx="10" cy="10" r="3" fill="currentColor"/></svg>Identity simulator</p>`;

export const page = ({ name, title, content, status = 200, headers = {} }: Page): HttpResponse => {
  const nonce = randomBytes(16).toString("base64");
  const document = html`<!doctype html>
<html lang="en" data-page="${name}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" href="data:,">
<style nonce="${nonce}">`;
  const rest = html`</style>
</head>
<body>
<header class="band">Simulated – not Microsoft</header>
<main>
${mark}
${content}
</main>
</body>
</html>
`;
  return {
    status,
    headers: {
      "content-type": "text/html; charset=utf-8",
      "cache-control": "no-store, no-cache",
      "content-security-policy": `default-src 'none'; style-src 'nonce-${nonce}'; img-src data:; frame-ancestors 'none'; base-uri 'none'`,
      "x-frame-options": "DENY",
      "referrer-policy": "strict-origin-when-cross-origin",
      "x-content-type-options": "nosniff",
      ...headers,
    },
    // The style sheet is a constant of this file and would not survive escaping.
    body: document.text + styles + rest.text,
  };
};
