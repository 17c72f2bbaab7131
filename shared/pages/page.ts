import { createHash } from "node:crypto";
import { type Html, html } from "./html.ts";

export interface PageText {
  readonly title: string;
  readonly paragraphs: readonly string[];
}

export interface Page {
  readonly html: string;
  /** Source expression that admits the page's style sheet. CSP Level 3 §2.3.1 */
  readonly styleHash: string;
}

const style = `
:root { color-scheme: light dark; --ink: #1c1d22; --soft: #545762; --paper: #f5f5f7; --card: #fff; --line: #e3e4ea; --accent: #3043b8; --on-accent: #fff; --code: #f0f1f5; }
@media (prefers-color-scheme: dark) { :root { --ink: #f1f1f4; --soft: #b4b7c3; --paper: #131418; --card: #1d1e24; --line: #2e3039; --accent: #a9b8ff; --on-accent: #14162b; --code: #14151a; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 24px 16px; background: var(--paper); color: var(--ink); font: 17px/1.6 system-ui, sans-serif; }
main { width: 100%; max-width: 32rem; padding: 40px; border: 1px solid var(--line); border-radius: 16px; background: var(--card); overflow-wrap: anywhere; }
main.wide { max-width: 44rem; }
h1 { margin: 0 0 12px; font-size: 1.5rem; line-height: 1.25; }
h2 { margin: 32px 0 8px; font-size: 1.05rem; line-height: 1.4; }
p, dd, li { margin: 0 0 12px; color: var(--soft); }
strong { color: var(--ink); font-weight: 600; }
p:last-child { margin: 0; }
dl { margin: 0; }
dt { padding-top: 12px; border-top: 1px solid var(--line); }
dd { font-size: .94rem; }
ul { margin: 0 0 12px; padding-left: 1.2rem; }
a { color: var(--accent); }
a.button { display: inline-block; margin: 12px 0 20px; padding: 12px 24px; border-radius: 10px; background: var(--accent); color: var(--on-accent); font-weight: 600; text-decoration: none; }
a.button:hover { text-decoration: underline; }
a:focus-visible, summary:focus-visible, pre:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; border-radius: 6px; }
details { margin-top: 32px; padding-top: 16px; border-top: 1px solid var(--line); }
summary { cursor: pointer; font-weight: 600; }
details h2 { margin-top: 20px; font-size: .95rem; }
pre { margin: 0 0 12px; padding: 12px; border-radius: 8px; background: var(--code); color: var(--ink); font: .82rem/1.5 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
code { font: .86em ui-monospace, monospace; color: var(--ink); }
@media (max-width: 480px) { main { padding: 28px 20px; } }
`;

const styleHash = `sha256-${createHash("sha256").update(style).digest("base64")}`;

/** A whole page without script; whatever is put into it is escaped where it is put in. */
export const page = (
  title: string,
  content: readonly Html[],
  width: "narrow" | "wide" = "narrow",
) => ({
  styleHash,
  html: html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${title} · Appse AI</title>
<style>`.text
    .concat(style)
    .concat(
      html`</style>
</head>
<body>
<main class="${width}">
<h1>${title}</h1>
${content}
</main>
</body>
</html>
`.text,
    ),
});

/** A page of constant text. There is no place in it for a value that came with a request. */
export const constantPage = ({ title, paragraphs }: PageText): Page =>
  page(
    title,
    paragraphs.map((paragraph) => html`<p>${paragraph}</p>\n`),
  );
