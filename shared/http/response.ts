export interface HttpResponse {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  /** `Set-Cookie` headers: there can be several, so they are handed over apart from the others. */
  readonly cookies?: readonly string[];
  readonly body: string;
}

/**
 * On every answer. OWASP ASVS 3.4; RFC 9700 §4.2.4 asks for a referrer policy wherever a code passes.
 */
const securityHeaders = {
  "cache-control": "no-store",
  "content-security-policy":
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-site",
  "referrer-policy": "no-referrer",
  "strict-transport-security": "max-age=63072000; includeSubDomains",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

export const json = (
  statusCode: number,
  content: unknown,
  contentType = "application/json",
): HttpResponse => ({
  statusCode,
  headers: { ...securityHeaders, "content-type": contentType },
  body: JSON.stringify(content),
});

export const noContent = (): HttpResponse => ({
  statusCode: 204,
  headers: securityHeaders,
  body: "",
});

/** 303, so that the browser follows with a GET and keeps nothing of what it posted. RFC 9700 §4.12 */
export const seeOther = (location: URL, cookies: readonly string[] = []): HttpResponse => ({
  statusCode: 303,
  headers: {
    ...securityHeaders,
    // A redirect has no document to protect, and in a popup `same-origin` would cut the page that opened
    // it off from noticing that it was closed. HTML Standard §7.1.3.1
    "cross-origin-opener-policy": "unsafe-none",
    location: location.href,
  },
  ...(cookies.length > 0 && { cookies }),
  body: "",
});

/** A page without script. `styleHash` admits its one style sheet. CSP Level 3 §8.3 */
export const page = (
  statusCode: number,
  content: { readonly html: string; readonly styleHash: string },
): HttpResponse => ({
  statusCode,
  headers: {
    ...securityHeaders,
    "content-security-policy": `${securityHeaders["content-security-policy"]}; style-src '${content.styleHash}'`,
    "content-type": "text/html; charset=utf-8",
  },
  body: content.html,
});
