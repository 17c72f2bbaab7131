import type { Mailboxes } from "../../shared/domain/microsoft.ts";
import { succeed } from "../../shared/domain/result.ts";
import type { Secret } from "../../shared/domain/secret.ts";

export interface FakeMailboxes extends Mailboxes {
  /** The tokens with which an inbox was opened, in order. */
  readonly probed: readonly Secret[];
}

/** Every token has a mailbox behind it, unless a test says otherwise. */
export const fakeMailboxes = (
  probe: Mailboxes["probe"] = async () => succeed(undefined),
): FakeMailboxes => {
  const probed: Secret[] = [];
  return {
    probed,
    probe: (accessToken) => {
      probed.push(accessToken);
      return probe(accessToken);
    },
  };
};
