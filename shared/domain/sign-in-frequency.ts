import type { TenantId } from "./ids.ts";

/**
 * How often a tenant's Conditional Access asks its people to sign in, as far as its refusals tell. A sign-in that was
 * refused for its age says that the period is no longer than that age.
 *
 * @see https://learn.microsoft.com/entra/identity/conditional-access/concept-session-lifetime
 */
export interface SignInFrequency {
  /** The period is not longer, in seconds. */
  readonly atMostSeconds: number;
  readonly learntAt: Date;
}

export interface SignInFrequencies {
  find(tenantId: TenantId): Promise<SignInFrequency | undefined>;

  /**
   * Keeps what says most: a shorter period than the one that is kept, or any once that one is {@link forgottenSeconds}
   * old, since policies change. In one conditional write.
   *
   * @returns whether it is kept now
   */
  learn(tenantId: TenantId, frequency: SignInFrequency): Promise<boolean>;
}

/** A policy that was not met for so long may have been changed. */
export const forgottenSeconds = 90 * 24 * 3600;

export const isForgotten = ({ learntAt }: SignInFrequency, now: Date): boolean =>
  now.getTime() - learntAt.getTime() > forgottenSeconds * 1000;

const hour = 3600;
const day = 24 * hour;

/** In words, rounded up as administrators set it: up to 23 hours, then days. */
export const periodInWords = (seconds: number): string => {
  const [count, unit] =
    seconds <= 23 * hour ? [Math.ceil(seconds / hour), "hour"] : [Math.ceil(seconds / day), "day"];
  return count === 1 ? unit : `${count} ${unit}s`;
};

/** What the person reads whose sign-in was refused for its age. */
export const signInAgainMessage = (atMostSeconds: number): string =>
  `Your organisation asks everybody to sign in again at least every ${periodInWords(atMostSeconds)}. Please reconnect the mailbox.`;
