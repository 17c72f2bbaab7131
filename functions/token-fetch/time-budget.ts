/** The longest that a step of a refresh may take, in seconds. Whoever waits longer gives up. */
export const stepLimits = {
  /** One call of the table. */
  table: 2,
  /** One call of Secrets Manager: two tries of a second each, and the pause between them. */
  secret: 2.2,
  secretTries: 2,
  secretTry: 1,
  /** Shorter than for a code, which is sent once: a refresh can be repeated. */
  tokenCall: 6,
} as const;

/** For whoever reads a secret. */
export const secretBounds = {
  tries: stepLimits.secretTries,
  tryMilliseconds: stepLimits.secretTry * 1000,
} as const;

const { table, secret, tokenCall } = stepLimits;

/** Kept of the lease for what must follow Microsoft's answer: the sealing, whose key may be read for it, and the item. */
const save = secret + table;

/** What is left to do when the lease has ended, all at once: what a refresh tells of its tenant, and what is erased. */
const note = table;

/**
 * How the time of one invocation is shared out, in seconds. A refresh is begun only while all of it fits, and Microsoft
 * is asked only while its answer can still be stored within the lease and the invocation: whoever was held up for
 * longer gives up, and the next one does it.
 */
export const timeBudget = {
  /** Lambda ends the function after this. */
  invocation: 25,
  /** Nobody else refreshes the connection for so long. */
  lease: 15,
  save,
  note,
  /** From the lease to the answer: the refresh token, the app's credential, Microsoft, and what follows. */
  refresh: secret + secret + tokenCall + save + note,
  /** How long a caller waits for somebody else's refresh, in all. */
  longestWait: 8,
} as const;
