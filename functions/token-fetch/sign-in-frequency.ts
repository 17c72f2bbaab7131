import type { StoredConnection } from "../../shared/domain/connection.ts";
import { personalAccountsTenant, type TenantId } from "../../shared/domain/ids.ts";
import { isForgotten, type SignInFrequencies } from "../../shared/domain/sign-in-frequency.ts";

export interface SignInFrequencyPorts {
  readonly frequencies: SignInFrequencies;
  /** Told once of every period that is shorter than what was known. */
  readonly onLearnt: (tenantId: TenantId, atMostSeconds: number) => void;
  readonly now: () => Date;
}

/**
 * What a refusal for the age of a sign-in tells of its tenant.
 *
 * @returns the period that is known now, in seconds
 */
export type LearnSignInFrequency = (connection: StoredConnection) => Promise<number | undefined>;

/** Shorter ones are a clock that is wrong: Conditional Access counts in hours. */
const shortestSeconds = 600;

export const signInFrequency =
  ({ frequencies, onLearnt, now }: SignInFrequencyPorts): LearnSignInFrequency =>
  async ({ account: { tenantId }, signedInAt }) => {
    if (tenantId === personalAccountsTenant) return undefined;
    const learntAt = now();
    const age = signedInAt && Math.ceil((learntAt.getTime() - signedInAt.getTime()) / 1000);
    if (age !== undefined && age >= shortestSeconds) {
      if (await frequencies.learn(tenantId, { atMostSeconds: age, learntAt })) {
        onLearnt(tenantId, age);
        return age;
      }
    }
    const known = await frequencies.find(tenantId);
    return known && !isForgotten(known, learntAt) ? known.atMostSeconds : age;
  };
