import { createHash } from "node:crypto";
import { html } from "../../../../shared/pages/html.ts";
import type { HttpResponse } from "../http-exchange.ts";

const script = "document.forms[0].submit();";

const scriptHash = createHash("sha256").update(script).digest("base64");

/**
 * Sends the answer to the app as a cross-site POST of the browser, with a button for browsers without
 * script. OAuth 2.0 Form Post Response Mode §2
 */
export const formPostPage = (action: string, fields: URLSearchParams): HttpResponse => ({
  status: 200,
  headers: {
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store, no-cache",
    pragma: "no-cache",
    "content-security-policy": `default-src 'none'; img-src data:; script-src 'sha256-${scriptHash}'; frame-ancestors 'none'; base-uri 'none'`,
    "x-content-type-options": "nosniff",
  },
  body: html`<!doctype html>
<html lang="en" data-page="form-post">
<head><meta charset="utf-8"><title>Working...</title><link rel="icon" href="data:,"></head>
<body>
<form method="POST" name="hiddenform" action="${action}">
${[...fields].map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)}
<noscript><p>Script is disabled. Click Submit to continue.</p><button type="submit">Submit</button></noscript>
</form>
<script>${script}</script>
</body>
</html>
`.text,
});
