import type { MicrosoftEvidence } from "./microsoft.ts";

/** Microsoft names one or two; whoever writes their own description may name thousands. */
const mostNumbers = 8;

const numbersIn = (text: string): readonly number[] =>
  [...new Set([...text.matchAll(/AADSTS(\d{4,8})\b/g)].map(([, number]) => Number(number)))].slice(
    0,
    mostNumbers,
  );

const guidAfter = (label: string, text: string): string | undefined =>
  new RegExp(`${label}: ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})`, "i").exec(text)?.[1];

/**
 * Keeps of a description only what is neither free text nor personal: AADSTS numbers and the two ids that
 * Microsoft's support asks for.
 */
export const evidenceInDescription = (
  description: string,
): Pick<MicrosoftEvidence, "errorCodes" | "traceId" | "correlationId"> => {
  const traceId = guidAfter("Trace ID", description);
  const correlationId = guidAfter("Correlation ID", description);
  return {
    errorCodes: numbersIn(description),
    ...(traceId !== undefined && { traceId }),
    ...(correlationId !== undefined && { correlationId }),
  };
};
