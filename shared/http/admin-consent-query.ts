import * as z from "zod/mini";
import type { AdminConsentAnswer } from "../domain/admin-consent-answer.ts";
import { personalAccountsTenant, tenantId } from "../domain/ids.ts";
import { Secret } from "../domain/secret.ts";
import { oneTimeValue } from "./api-ids.ts";
import { refusalFields, refusalOf, uniqueFields } from "./microsoft-fields.ts";

/** The list of scopes and a description are the longest parts, each under 1 KB. */
const largestQueryCharacters = 8 * 1024;
const longestNameCharacters = 64;

/**
 * Personal accounts live in one tenant that nobody administers.
 * learn.microsoft.com/entra/identity-platform/v2-admin-consent
 */
const organisationTenant = z.pipe(
  z.guid(),
  z.pipe(
    z.transform(tenantId),
    z.custom<ReturnType<typeof tenantId>>((value) => value !== personalAccountsTenant),
  ),
);

/**
 * A refusal first: Microsoft sends `admin_consent=True` beside an error as well, to say which flow it ends.
 */
const answerQuery = z.union([
  z.object({ state: oneTimeValue, ...refusalFields }),
  z.object({
    state: oneTimeValue,
    // An error that is not understood is no success either.
    error: z.optional(z.never()),
    admin_consent: z.string().check(z.regex(/^true$/i)),
    tenant: organisationTenant,
  }),
]);

/**
 * Reads the query with which Microsoft's admin consent page sends a browser back. Everything in it can be
 * forged by anybody.
 *
 * @see https://learn.microsoft.com/entra/identity-platform/v2-admin-consent#successful-response
 * @returns `undefined` if it is no answer of Microsoft's
 */
export const readAdminConsentQuery = (query: URLSearchParams): AdminConsentAnswer | undefined => {
  if (query.toString().length > largestQueryCharacters) return undefined;
  const fields = uniqueFields(query);
  if (!fields) return undefined;
  if (Object.keys(fields).some((name) => name.length > longestNameCharacters)) return undefined;
  const answer = answerQuery.safeParse(fields);
  if (!answer.success) return undefined;

  const state = new Secret(answer.data.state);
  return "tenant" in answer.data
    ? { state, outcome: { kind: "approved", tenantId: answer.data.tenant } }
    : { state, outcome: { kind: "refusal", refusal: refusalOf(answer.data) } };
};
