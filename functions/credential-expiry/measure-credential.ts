import type { AppCredentialKind, StoredCredential } from "../../shared/domain/app-credential.ts";

export const dayMilliseconds = 24 * 3600 * 1000;

export type CredentialEnd =
  /** Whole days until the last of the stored ones ends; 0 if all have ended. */
  | { readonly kind: "known"; readonly daysLeft: number; readonly of: AppCredentialKind }
  /** Federated, and nothing else is stored: there is nothing that could end. */
  | { readonly kind: "never" }
  /** One is stored of which nobody wrote down when it ends, and none whose end is known is left. */
  | { readonly kind: "unknown" }
  /** Neither stored nor federated. */
  | { readonly kind: "none" };

export interface MeasureCredentialPorts {
  readonly stored: StoredCredential;
  readonly isFederated: boolean;
  readonly now: () => Date;
}

/**
 * How long Microsoft will go on taking the app for what it is: until the last of its stored credentials ends, since
 * each is tried when those before it are refused. What is stored is measured beside a federated credential too, for it
 * is what helps when that one fails.
 */
export const measureCredential = async ({
  stored,
  isFederated,
  now,
}: MeasureCredentialPorts): Promise<CredentialEnd> => {
  const lifetimes = await stored.lifetimes();
  if (lifetimes.length === 0) return { kind: isFederated ? "never" : "none" };
  const [last] = lifetimes
    .flatMap(({ kind, expiresAt }) =>
      expiresAt === undefined ? [] : [{ of: kind, left: expiresAt.getTime() - now().getTime() }],
    )
    .toSorted((one, other) => other.left - one.left);
  // One that has ended helps nobody, so what counts is the other one, of which nothing is known.
  const isUnknown = lifetimes.some(({ expiresAt }) => expiresAt === undefined);
  if (!last || (isUnknown && last.left <= 0)) return { kind: "unknown" };
  return {
    kind: "known",
    daysLeft: Math.max(Math.floor(last.left / dayMilliseconds), 0),
    of: last.of,
  };
};
