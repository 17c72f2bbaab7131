/**
 * So long is an access token used, however long it would live: Microsoft issues them for 60 to 90 minutes, and for longer
 * where a tenant's policy says so. What was withdrawn at Microsoft is noticed when the next one is asked for.
 *
 * @see https://learn.microsoft.com/entra/identity-platform/access-tokens#token-lifetime
 */
const longestUseSeconds = 90 * 60;

/** When a token is used no more. Its lifetime counts from its issue, which was after it was asked for. RFC 6749 §5.1 */
export const usedUntil = (askedAt: Date, lifetimeSeconds: number): Date =>
  new Date(askedAt.getTime() + Math.min(lifetimeSeconds, longestUseSeconds) * 1000);
