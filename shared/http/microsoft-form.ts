import * as z from "zod/mini";
import type { MicrosoftAnswer } from "../domain/park-answer.ts";
import { Secret } from "../domain/secret.ts";
import { oneTimeValue } from "./api-ids.ts";
import { refusalFields, refusalOf, uniqueFields } from "./microsoft-fields.ts";

/** Microsoft's longest codes are under 2 KB; the rest of the form is short. */
const largestFormCharacters = 32 * 1024;

/** A refusal first: RFC 6749 §4.1.2.1 sends an error instead of a code, never beside one. */
const answerForm = z.union([
  z.object({
    state: oneTimeValue,
    ...refusalFields,
    iss: z.optional(z.string()),
  }),
  z.object({
    state: oneTimeValue,
    code: z.string().check(z.minLength(1), z.maxLength(8192)),
    // An error that is not understood is no success either.
    error: z.optional(z.never()),
    iss: z.optional(z.string()),
  }),
]);

/** Tokens in a redirect belong to the implicit grant, which is switched off. RFC 9700 §2.1.2 */
const holdsToken = (fields: Record<string, string>) =>
  "access_token" in fields || "id_token" in fields;

/** RFC 9207 §2.4: the issuer may be missing, but must not be another one. */
const isExpectedIssuer = (issuer: string | undefined, authority: URL) =>
  issuer === undefined ||
  (URL.canParse(issuer) &&
    new URL(issuer).origin === authority.origin &&
    /^\/[0-9a-f-]{36}\/v2\.0$/i.test(new URL(issuer).pathname));

/**
 * Reads Microsoft's `form_post`. Nothing in it is trusted but the state.
 *
 * @see https://openid.net/specs/oauth-v2-form-post-response-mode-1_0.html
 * @returns `undefined` if it is no answer of Microsoft's
 */
export const readMicrosoftForm = (
  body: string,
  contentType: string | undefined,
  authority: URL,
): MicrosoftAnswer | undefined => {
  if (body.length > largestFormCharacters) return undefined;
  const [mediaType] = (contentType ?? "").split(";");
  if (mediaType?.trim().toLowerCase() !== "application/x-www-form-urlencoded") return undefined;
  const fields = uniqueFields(new URLSearchParams(body));
  if (!fields || holdsToken(fields)) return undefined;
  const form = answerForm.safeParse(fields);
  if (!form.success || !isExpectedIssuer(form.data.iss, authority)) return undefined;

  const state = new Secret(form.data.state);
  if ("code" in form.data) {
    return { state, outcome: { kind: "code", code: new Secret(form.data.code) } };
  }
  return { state, outcome: { kind: "refusal", refusal: refusalOf(form.data) } };
};
