import { UnreadableItem } from "../../shared/domain/unreadable-item.ts";
import type {
  EntryNaming,
  NamedEntry,
  VaultEntries,
  VaultNames,
} from "../../shared/domain/vault-entries.ts";

export interface SweepVaultPorts {
  readonly vaults: readonly VaultEntries[];
  readonly connections: VaultNames;
  readonly erase: (entry: string) => Promise<void>;
  readonly now: () => Date;
  /** Told of what keeps one entry from being swept, and no other; the next day tries again. */
  readonly report: (error: unknown) => void;
}

export interface SweptVault {
  /** All that were looked at. */
  readonly seen: number;
  readonly erased: number;
  /** To be erased, and not: the next day does it. */
  readonly left: number;
  /** Too many to believe, so that nothing was erased. */
  readonly refused: boolean;
}

/**
 * Each run takes one part of both vaults, the next one the next: a day takes them all. Which part follows from the
 * clock, so that nothing has to be remembered; a run that fails is made up for a day later.
 */
export const sweepParts = 24;

/** An entry that is being written now is named soon; a sign-in or a refresh takes seconds. */
const youngestSeconds = 24 * 3600;

/** Crashes leave single entries. More than this share of a part means that the wrong table was asked. */
const believableShare = 0.2;
/** So many are believed whatever the share, in a vault with few entries: */
const believableCount = 10;
/** and so many where none has a name, since a wrong table names none. */
const believableAlone = 3;

const readsAtOnce = 8;
const runMilliseconds = 4 * 60 * 1000;

export const partAt = (now: Date): number => Math.floor(now.getTime() / 3_600_000) % sweepParts;

/**
 * Erases refresh tokens that no connection names: what a crash left between storing a token and naming it, or between
 * naming another one and erasing it. And those of connections that have ended and are forgotten, of which there may be
 * any number: what names them says so itself, for two weeks before TTL removes it. Whether a connection names an entry is
 * read consistently, and an entry is a day old before it is asked for at all. An item that cannot be read keeps its own
 * entry from being erased, and no other one.
 */
export const sweepVault = async (ports: SweepVaultPorts): Promise<SweptVault> => {
  const { vaults, connections, erase, now, report } = ports;
  const startedAt = now();
  const part = { index: partAt(startedAt), of: sweepParts };
  const isOver = () => now().getTime() - startedAt.getTime() > runMilliseconds;
  /** A refresh that was on its way has ended, whatever its clock said. */
  const isForgotten = ({ forgottenAt }: EntryNaming) =>
    forgottenAt !== undefined &&
    startedAt.getTime() - forgottenAt.getTime() > youngestSeconds * 1000;
  const isOld = ({ writtenAt }: NamedEntry) =>
    startedAt.getTime() - writtenAt.getTime() > youngestSeconds * 1000;

  let seen = 0;
  let named = 0;
  const unnamed: string[] = [];
  const forgotten: string[] = [];
  for (const vault of vaults) {
    const entries = vault.inPart(part, report)[Symbol.asyncIterator]();
    const work = async () => {
      for (let next = await entries.next(); !next.done; next = await entries.next()) {
        if (isOver()) return;
        seen += 1;
        if (!isOld(next.value)) continue;
        const { entry, connectionId } = next.value;
        const naming = await connections.entryOf(connectionId);
        if (naming === "unreadable") {
          // It may name this entry.
          report(new UnreadableItem(connectionId));
          continue;
        }
        if (naming?.entry !== entry) {
          unnamed.push(entry);
          continue;
        }
        named += 1;
        if (isForgotten(naming)) forgotten.push(entry);
      }
    };
    await Promise.all(Array.from({ length: readsAtOnce }, work));
  }

  const believable =
    named === 0 ? believableAlone : Math.max(believableCount, seen * believableShare);
  if (unnamed.length > believable) {
    return { seen, erased: 0, left: unnamed.length + forgotten.length, refused: true };
  }
  const toErase = [...unnamed, ...forgotten];
  let erased = 0;
  for (const entry of toErase) {
    if (isOver()) break;
    try {
      await erase(entry);
      erased += 1;
    } catch (error) {
      report(error);
    }
  }
  return { seen, erased, left: toErase.length - erased, refused: false };
};
