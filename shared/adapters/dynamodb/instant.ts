import * as z from "zod/mini";

/** DynamoDB's TTL reads seconds since the epoch, so every instant that expires is kept that way. */
export const secondsOf = (instant: Date): number => Math.floor(instant.getTime() / 1000);

export const fromSeconds = z.pipe(
  z.int(),
  z.transform((seconds) => new Date(seconds * 1000)),
);

export const fromIso = z.pipe(
  z.iso.datetime(),
  z.transform((text) => new Date(text)),
);
