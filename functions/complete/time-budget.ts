/** The longest that a step may take once the mailbox is proved, in seconds. Whoever waits longer gives up. */
export const stepLimits = {
  /** Making the vault's entry: two tries of Secrets Manager, and the pause between them. */
  entry: 3,
  entryTries: 2,
  entryTry: 1.4,
  connect: 3,
  /** Whether a connection that nobody has confirmed is there. */
  look: 2,
  /** Writing down how the attempt ended. */
  end: 2,
} as const;

const { entry, connect, look, end } = stepLimits;

/** Ahead of the time at which an answer must be there. */
const answer = 1;

/**
 * What is kept of a request's time for what must follow, in seconds: a sign-in is proved before that or given up, and
 * whoever is connected is told so.
 */
export const timeBudget = {
  /** Lambda ends the function after this. */
  invocation: 26,
  /** For storing the tokens and the connection, and for what is kept after it. */
  store: entry + connect + look + end + answer,
  /** For writing down the end, and for what is kept after it. */
  end: end + answer,
  answer,
} as const;
