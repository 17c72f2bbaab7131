const format = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "long",
  year: "numeric",
  timeZone: "UTC",
});

/** Such as 2 December 2026, for people who may be anywhere. */
export const day = (instant: Date): string => format.format(instant);
