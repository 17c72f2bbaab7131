import { createHash } from "node:crypto";

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
:root { color-scheme: light dark; --ink: #1c1d22; --soft: #5b5e69; --paper: #f5f5f7; --card: #fff; --line: #e3e4ea; }
@media (prefers-color-scheme: dark) { :root { --ink: #f1f1f4; --soft: #a6a9b6; --paper: #131418; --card: #1d1e24; --line: #2e3039; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 24px; background: var(--paper); color: var(--ink); font: 17px/1.6 system-ui, sans-serif; }
main { max-width: 32rem; padding: 40px; border: 1px solid var(--line); border-radius: 16px; background: var(--card); }
h1 { margin: 0 0 12px; font-size: 1.5rem; line-height: 1.25; }
p { margin: 0 0 12px; color: var(--soft); }
p:last-child { margin: 0; }
`;

const styleHash = `sha256-${createHash("sha256").update(style).digest("base64")}`;

/**
 * A whole page of constant text. There is no place in it for a value that came with a request, so nothing
 * needs escaping and nobody can choose what it says.
 */
export const constantPage = ({ title, paragraphs }: PageText): Page => ({
  styleHash,
  html: `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · Outlook Connect</title>
<style>${style}</style>
</head>
<body>
<main>
<h1>${title}</h1>
${paragraphs.map((paragraph) => `<p>${paragraph}</p>`).join("\n")}
</main>
</body>
</html>
`,
});
