/**
 * How the time of one invocation is shared out, in seconds. A refresh is begun only while all of it fits, and Microsoft is
 * asked only while the answer comes within the lease: whoever is later than that gives up, and the next one does it.
 */
export const timeBudget = {
  /** Lambda ends the function after this. */
  invocation: 25,
  /** How long a caller waits for somebody else's refresh, in all. */
  longestWait: 12,
  /** From the lease to the answer. */
  refresh: 13,
  /** Nobody else refreshes the connection for so long. */
  lease: 15,
  /** Kept of the lease for what follows Microsoft's answer: a new secret, and the item. */
  save: 3,
} as const;
