import { jsonRequest, type SampleRequest } from "./http-event.ts";

type BadRequest = readonly [what: string, request: Partial<SampleRequest>];

/** Requests that no endpoint with a JSON body may take, made out of one that it would take. */
export const badJsonRequests = (valid: Readonly<Record<string, string>>): readonly BadRequest[] => {
  const text = JSON.stringify(valid);
  const inner = text.slice(1, -1);
  const comma = inner === "" ? "" : ",";
  const typed = (contentType: string): Partial<SampleRequest> => ({
    headers: { "content-type": contentType },
    body: text,
  });
  const raw = (body: string): Partial<SampleRequest> => ({ ...jsonRequest({}), body });
  return [
    ["no body", { headers: { "content-type": "application/json" } }],
    ["an empty body", raw("")],
    ["a body that is not JSON", raw(`${text}}`)],
    ["a form", typed("application/x-www-form-urlencoded")],
    ["text, as a form of another site can send it", typed("text/plain")],
    ["text that mentions JSON", typed("text/plain; application/json")],
    ["no content type", { body: text }],
    ["a content type that only begins like JSON", typed("application/json-seq")],
    ["null", raw("null")],
    ["an array", raw(`[${text}]`)],
    ["a string", raw(JSON.stringify(text))],
    ["a number", raw("1")],
    ["an unknown field", raw(`{${inner}${comma}"tenant":"common"}`)],
    ["the user as a field", raw(`{${inner}${comma}"userId":"alice"}`)],
    ["a prototype", raw(`{${inner}${comma}"__proto__":{"isAdmin":true}}`)],
    ["a constructor", raw(`{${inner}${comma}"constructor":{"prototype":{"isAdmin":true}}}`)],
    ["too much white space", raw(`${text}${" ".repeat(5_000)}`)],
    ["a body in base64 that does not say so", raw(Buffer.from(text).toString("base64"))],
    ["bytes that are no text", { ...raw("/////w=="), isBase64Encoded: true }],
    ["a page of another site", { ...raw(text), headers: foreign("https://evil.example") }],
    ["a page without an origin", { ...raw(text), headers: foreign("null") }],
    [
      "a page of a look-alike",
      { ...raw(text), headers: foreign("https://app.example.evil.example") },
    ],
    ["plain http", { ...raw(text), headers: foreign("http://app.example") }],
    ["another port", { ...raw(text), headers: foreign("https://app.example:8443") }],
  ];
};

const foreign = (origin: string) => ({ "content-type": "application/json", origin });
