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
p.brand { display: flex; align-items: center; gap: 10px; margin: 0 0 28px; color: var(--ink); font-weight: 600; line-height: 1.25; }
p.brand svg { flex: none; width: 28px; height: 28px; }
p.brand span { color: var(--soft); font-weight: 400; }
h1 { margin: 0 0 12px; font-size: 1.5rem; line-height: 1.25; }
h2 { margin: 32px 0 8px; font-size: 1.05rem; line-height: 1.4; }
p, dd, li { margin: 0 0 12px; color: var(--soft); }
strong { color: var(--ink); font-weight: 600; }
li { margin: 0 0 6px; }
p:last-child { margin: 0; }
p.small { font-size: .94rem; }
p.notice { padding: 12px 16px; border: 1px solid var(--line); border-left: 4px solid var(--accent); border-radius: 8px; background: var(--code); color: var(--ink); }
dl { margin: 0; }
dt { padding-top: 12px; border-top: 1px solid var(--line); }
dd { font-size: .94rem; }
dl.facts { display: grid; grid-template-columns: auto 1fr; gap: 4px 24px; }
dl.facts dt, dl.facts dd { margin: 0; padding: 0; border: 0; font-size: .94rem; }
dl.facts dt { color: var(--soft); }
dl.facts dd { color: var(--ink); }
div.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(16rem, 100%), 1fr)); gap: 0 32px; }
ul { margin: 0 0 12px; padding-left: 1.2rem; }
a { color: var(--accent); }
a.button { display: inline-block; margin: 12px 0 20px; padding: 12px 24px; border-radius: 10px; background: var(--accent); color: var(--on-accent); font-weight: 600; text-decoration: none; }
a.button:hover { text-decoration: underline; }
a:focus-visible, summary:focus-visible, pre:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; border-radius: 6px; }
details { margin-top: 32px; padding-top: 16px; border-top: 1px solid var(--line); }
summary { cursor: pointer; font-weight: 600; }
details h2 { margin-top: 20px; font-size: .95rem; }
pre { user-select: all; margin: 0 0 12px; padding: 12px; border-radius: 8px; background: var(--code); color: var(--ink); font: .82rem/1.5 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
code { font: .86em ui-monospace, monospace; color: var(--ink); }
@media (max-width: 480px) { main { padding: 28px 20px; } a.button { display: block; text-align: center; } dl.facts { grid-template-columns: 1fr; gap: 0; } dl.facts dd { margin-bottom: 8px; } }
`;

const styleHash = `sha256-${createHash("sha256").update(style).digest("base64")}`;

const brand = html`<p class="brand"><svg viewBox="0 0 32 32" aria-hidden="true" focusable="false"><rect width="32" height="32" rx="8" fill="#0b6b61"/><path d="M8 22 14.5 9.5a1.7 1.7 0 0 1 3 0L24 22" fill="none" stroke="#fff" stroke-width="2.6" stroke-linecap="round"/><circle cx="16" cy="19.5" r="2.6" fill="#9fe3d6"/></svg>Appse AI <span>Outlook Connect</span></p>`;

/** A whole page without script; whatever is put into it is escaped where it is put in. */
export const page = (
  title: string,
  content: readonly Html[],
  width: "narrow" | "wide" = "narrow",
): Page => ({
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
${brand}
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
