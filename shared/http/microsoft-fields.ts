import * as z from "zod/mini";
import type { Refusal } from "../domain/attempt.ts";
import { evidenceInDescription } from "../domain/microsoft-evidence.ts";

const errorCode = z.string().check(z.regex(/^[a-z_]{1,64}$/));

/** The members of a refusal, in a form as in a query. RFC 6749 §4.1.2.1; the last is Microsoft's own. */
export const refusalFields = {
  error: errorCode,
  error_description: z.optional(z.string()),
  error_subcode: z.catch(z.optional(errorCode), undefined),
};

/** Of a refusal, what is neither free text nor secret. */
export const refusalOf = ({
  error,
  error_description = "",
  error_subcode,
}: {
  readonly error: string;
  readonly error_description?: string | undefined;
  readonly error_subcode?: string | undefined;
}): Refusal => ({
  error,
  ...(error_subcode !== undefined && { errorSubcode: error_subcode }),
  ...evidenceInDescription(error_description),
});

/** `undefined` if a name comes twice: which one is meant, only an attacker knows. */
export const uniqueFields = (form: URLSearchParams): Record<string, string> | undefined => {
  const names = [...form.keys()];
  if (new Set(names).size !== names.length) return undefined;
  return Object.fromEntries(form);
};
