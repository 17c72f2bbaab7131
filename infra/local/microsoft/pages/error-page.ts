import { html } from "../../../../shared/pages/html.ts";
import { type Refusal, type Trace, timestamp } from "../aadsts.ts";
import type { HttpResponse } from "../http-exchange.ts";
import { page } from "./page.ts";

/** Where Microsoft keeps a person whose request it cannot send back to the app. */
export const errorPage = (refused: Refusal, trace: Trace, status = 400): HttpResponse => {
  const code = refused.codes[0];
  return page({
    name: "error",
    title: "Sign in to your account",
    status,
    headers: { "x-ms-request-id": trace.traceId },
    content: html`<h1>Sorry, but we’re having trouble signing you in.</h1>
<p><span data-aadsts="${code}">AADSTS${code}</span>: ${refused.text}</p>
<h2>Troubleshooting details</h2>
<dl>
<dt>Request Id</dt><dd>${trace.traceId}</dd>
<dt>Correlation Id</dt><dd>${trace.correlationId}</dd>
<dt>Timestamp</dt><dd>${timestamp(trace.at)}</dd>
</dl>`,
  });
};
