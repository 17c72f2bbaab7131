import { AsyncLocalStorage } from "node:async_hooks";
import fc from "fast-check";
import type { Connections, HeldLease, StoredConnection } from "../../shared/domain/connection.ts";
import type { MicrosoftFailure } from "../../shared/domain/microsoft.ts";
import { requestedScopes } from "../../shared/domain/permissions.ts";
import { fail, succeed } from "../../shared/domain/result.ts";
import { Secret } from "../../shared/domain/secret.ts";
import { type TokenVaultKind, vaultErasers } from "../../shared/domain/token-vaults.ts";
import { type Intercept, neverSettles } from "./intercepted.ts";
import { memoryConnections } from "./memory-connections.ts";
import {
  alice,
  alicesConnection,
  microsoftFailure,
  refreshedTokens,
  secondsAfter,
} from "./samples.ts";
import { tokenFetchInMemory } from "./token-fetch-in-memory.ts";

const refusals = {
  "sign in again": microsoftFailure("sign_in_required"),
  "sign in again, it is that time": microsoftFailure("sign_in_required", { signInFrequency: true }),
  "no, without a reason": microsoftFailure("sign_in_required", { certain: false }),
  "ask your administrator": microsoftFailure("admin_approval_required", { losesApproval: true }),
  "slow down": microsoftFailure("throttled"),
  "not now": microsoftFailure("temporarily_unavailable"),
  "who are you": microsoftFailure("app_credential_rejected"),
} satisfies Record<string, MicrosoftFailure>;

type Answer = "a token" | "a broken line" | keyof typeof refusals;

interface Death {
  readonly atCall: number;
  /** Which calls are counted: whoever waits for others comes late to its lease, and later still to what few must do. */
  readonly of: "all" | "those since it first tried for the lease" | "those that few must make";
  /** Whether the call is done before it dies. */
  readonly isDone: boolean;
}

/** One worker of a simulated run. */
interface Worker {
  /** When it dies; or it lives. */
  readonly dies: Death | undefined;
  /** What Microsoft tells it. */
  readonly answer: Answer;
  /** How long Microsoft takes to answer it, in seconds; the lease is 15. */
  readonly answerTakes: number;
  readonly minTtlSeconds: number;
  /** How many seconds its clock is ahead. */
  readonly ahead: number;
  /** Where it keeps refresh tokens: during a deployment, not all do so in the same vault. */
  readonly tokenVault: TokenVaultKind;
  /** Whether its environment has read just before, and so notices that its first read takes long. */
  readonly hasRead: boolean;
}

/** What happens to the connection meanwhile. A number lets that many seconds pass. */
type Event = "a new sign-in" | "a disconnect" | number;

const minTtlSeconds = fc.constantFrom(0, 300, 2_000);

const tokenVault = fc.constantFrom<TokenVaultKind>("secrets-manager", "table");

const fewMakeIt = (name: string) =>
  /^(vault\.(create|replace|erase)|circuits\.write|approval|frequencies)/.test(name);

const deathAtOneOf = (of: Death["of"], max: number): fc.Arbitrary<Death> =>
  fc.record({ atCall: fc.integer({ min: 1, max }), of: fc.constant(of), isDone: fc.boolean() });

const anyDeath = fc.oneof(
  deathAtOneOf("all", 14),
  deathAtOneOf("those since it first tried for the lease", 14),
  deathAtOneOf("those that few must make", 3),
);

/** Most live and are told a token, so that every run has something to get wrong. */
export const anyWorker: fc.Arbitrary<Worker> = fc.record({
  dies: fc.option(anyDeath, { nil: undefined, freq: 3 }),
  answer: fc.oneof(
    { weight: 2, arbitrary: fc.constant<Answer>("a token") },
    {
      weight: 1,
      arbitrary: fc.constantFrom<Answer>(
        "a broken line",
        "sign in again",
        "sign in again, it is that time",
        "no, without a reason",
        "ask your administrator",
        "slow down",
        "not now",
        "who are you",
      ),
    },
  ),
  answerTakes: fc.constantFrom(0, 0.5, 3, 14, 16, 40),
  minTtlSeconds,
  ahead: fc.constant(0),
  tokenVault,
  hasRead: fc.boolean(),
});

/** Their clocks are up to ten minutes apart; they ask for the default, which allows for that. */
export const workerWithItsOwnTime: fc.Arbitrary<Worker> = fc
  .tuple(anyWorker, fc.constantFrom(-300, 0, 300))
  .map(([worker, ahead]) => ({ ...worker, ahead, minTtlSeconds: 300 }));

export const livingWorker: fc.Arbitrary<Worker> = fc.record({
  dies: fc.constant(undefined),
  answer: fc.constant("a token"),
  answerTakes: fc.constantFrom(0, 0.5, 3, 10),
  minTtlSeconds,
  ahead: fc.constant(0),
  tokenVault,
  hasRead: fc.boolean(),
});

export const anyEvent: fc.Arbitrary<Event> = fc.oneof(
  { weight: 3, arbitrary: fc.constant("a new sign-in") },
  { weight: 1, arbitrary: fc.constant("a disconnect") },
  { weight: 7, arbitrary: fc.constantFrom(1, 6, 16, 130, 700, 3_700) },
);

interface Ask {
  /** Which sign-in the refresh token came from. */
  readonly grant: number;
  /** The item as it was then. */
  readonly stored: Promise<StoredConnection | undefined>;
  readonly refusal: MicrosoftFailure | undefined;
}

interface Lease {
  isGranted: boolean;
  readonly from: Date;
  /** Until when nobody else may ask; earlier than promised if its holder let go of it. */
  until: Date;
  timesAsked: number;
}

/** One write of tokens or status, whoever did it. */
interface Write {
  readonly before: StoredConnection | undefined;
  readonly after: StoredConnection | undefined;
  readonly at: Date;
  /** What the writing worker has asked Microsoft, if it has. */
  readonly ask: { readonly grant: number; readonly version: number | undefined } | undefined;
  readonly refusal: MicrosoftFailure | undefined;
}

/** Tokens are named `sign-in:number`, by the sign-in that they come from and the answers that Microsoft gave before. */
const grantOfToken = (token: Secret) => Number(token.reveal().split(":")[0]);

/** Which sign-in a token came from, and how many tokens Microsoft had given before. */
export const ageOf = ({ sealedAccessToken }: StoredConnection): readonly [number, number] => {
  const [grant, asked] = String(JSON.parse(sealedAccessToken)[0]).split(":").map(Number);
  return [grant ?? Number.NaN, asked ?? Number.NaN];
};

export interface Circumstances {
  readonly events?: readonly Event[];
  /** How old the refresh token is at first; that of a day is replaced. */
  readonly refreshTokenAge?: number;
  readonly waitingTakesTime?: boolean;
  /** What the store fails to do: a run that is broken on purpose shows that the checks would notice. */
  readonly omits?: readonly Safeguard[];
}

/** Of the store: a condition of its writes, or a read that shows what others have written. */
export type Safeguard = "version" | "lease owner" | "free lease" | "second read";

const endOfTime = new Date(8.64e15);

/** The same store, with what a caller claims put right before it is checked. */
const careless = (store: Connections, omits: readonly Safeguard[]): Connections => {
  const claimed = async (held: HeldLease): Promise<HeldLease> => {
    const stored = await store.findForWorkspace(alicesConnection, alice.workspaceId, {
      consistent: true,
    });
    return {
      version: (omits.includes("version") && stored?.version) || held.version,
      owner: (omits.includes("lease owner") && stored?.lease?.owner) || held.owner,
    };
  };
  return {
    ...store,
    acquireLease: async (id, version, lease, now) => {
      const claim = await claimed({ owner: lease.owner, version });
      const asOf = omits.includes("free lease") ? endOfTime : now;
      return store.acquireLease(id, claim.version, lease, asOf);
    },
    saveRefreshed: async (id, held, tokens) => store.saveRefreshed(id, await claimed(held), tokens),
    recordSetback: async (id, held, setback) =>
      store.recordSetback(id, await claimed(held), setback),
  };
};

/** Who is at work, also after it has waited. */
interface Actor {
  lease?: Lease;
  ask?: Ask;
}

/** Of one worker. No sound run comes near it; a broken one may not end by itself. */
const mostCalls = 300;

/**
 * Many workers over one connection whose token has run out, in one order of all their calls, beside what
 * else may happen to the connection. Every step is recorded.
 */
export const simulateFetches = async (
  scheduler: fc.Scheduler,
  workers: readonly Worker[],
  { events = [], refreshTokenAge = 3_601, waitingTakesTime = true, omits = [] }: Circumstances = {},
) => {
  let asked = 0;
  let lastGrantAsked = 0;
  const store = memoryConnections();
  const acting = new AsyncLocalStorage<Actor>();
  /** Of every entry that an item may name, the sign-in. */
  const grants = new Map<string, number>();
  const called = new Set<string>();
  const senses: (readonly boolean[])[] = [];
  const leases: Lease[] = [];
  const writes: Promise<Write>[] = [];

  const read = () =>
    store.findForWorkspace(alicesConnection, alice.workspaceId, { consistent: true });

  /** A method of the store is one step, and so are several that are called without waiting in between. */
  const recorded = <Answered>(write: () => Promise<Answered>): Promise<Answered> => {
    const ask = acting.getStore()?.ask;
    const at = rig.clock.now();
    const before = read();
    for (const { entries } of [rig.vault, rig.tableVault]) {
      for (const [entry, { token }] of entries) grants.set(entry, grantOfToken(token));
    }
    const written = write();
    const after = read();
    const record = async (): Promise<Write> => ({
      before: await before,
      after: await after,
      at,
      ask: ask && { grant: ask.grant, version: (await ask.stored)?.version },
      refusal: ask?.refusal,
    });
    writes.push(record());
    return written;
  };

  const endLease = (lease: Lease) => {
    const at = rig.clock.now();
    if (lease.until > at) lease.until = at;
  };

  /** A worker's write ends its own lease, and nobody else's. */
  const withLease = async (write: () => Promise<boolean>) => {
    const lease = acting.getStore()?.lease;
    const at = rig.clock.now();
    const isWritten = await recorded(write);
    if (isWritten && lease && lease.until > at) lease.until = at;
    return isWritten;
  };

  const watched: Connections = {
    ...store,
    connect: (mailbox) => {
      leases.forEach(endLease);
      return recorded(() => store.connect(mailbox));
    },
    disconnect: (...values) => {
      leases.forEach(endLease);
      return recorded(() => store.disconnect(...values));
    },
    acquireLease: async (id, version, lease, now) => {
      const wanted: Lease = {
        isGranted: false,
        from: rig.clock.now(),
        until: lease.expiresAt,
        timesAsked: 0,
      };
      leases.push(wanted);
      wanted.isGranted = await store.acquireLease(id, version, lease, now);
      const actor = acting.getStore();
      if (actor && wanted.isGranted) actor.lease = wanted;
      return wanted.isGranted;
    },
    saveRefreshed: (...values) => withLease(() => store.saveRefreshed(...values)),
    recordSetback: (...values) => withLease(() => store.recordSetback(...values)),
  };

  const rig = tokenFetchInMemory({
    connections: careless(watched, omits),
    refresh: async ({ refreshToken }) => {
      asked += 1;
      lastGrantAsked = grantOfToken(refreshToken);
      return succeed({
        ...refreshedTokens,
        accessToken: new Secret(`${lastGrantAsked}:${asked}`),
        refreshToken: new Secret(`${lastGrantAsked}:${asked}`),
        scopes: requestedScopes,
        accessTokenExpiresAt: secondsAfter(rig.clock.now(), 3_600),
      });
    },
  });

  const vaults = vaultErasers({ "secrets-manager": rig.vault, table: rig.tableVault });
  let signIns = 0;
  /** @returns the entry of the vault that it replaces */
  const signIn = async (
    expiresInSeconds: number,
    connectedSecondsAgo = 3_600 - expiresInSeconds,
  ) => {
    signIns += 1;
    const replaced = (await rig.stored())?.vaultEntry;
    await rig.connect({
      expiresInSeconds,
      connectedSecondsAgo,
      accessToken: `${signIns}:0`,
      refreshToken: `${signIns}:0`,
    });
    return replaced;
  };

  const happen = async (event: Event) => {
    await scheduler.schedule(Promise.resolve(), String(event));
    if (typeof event === "number") return rig.clock.pass(event);
    const entry =
      event === "a new sign-in"
        ? await signIn(100) // soon to be renewed, so that it does not end the run's troubles
        : (await rig.connections.disconnect(alicesConnection, alice, rig.clock.now()))?.vaultEntry;
    await scheduler.schedule(Promise.resolve(), "the old entry is erased");
    if (entry !== undefined) await vaults.erase(entry);
  };

  const callsOf = ({ dies, answer: told, answerTakes }: Worker): Intercept => {
    const self: Actor = {};
    let calls = 0;
    let callsSinceTry = 0;
    let callsOfFew = 0;
    let isDead = false;
    let firstSeen: Promise<unknown> | undefined;
    /** What it does beside this call ends as well. */
    const die = () => {
      isDead = true;
      return neverSettles();
    };
    return async (name, call) => {
      calls += 1;
      if (calls > mostCalls) throw new Error("does not come to an end");
      if (callsSinceTry > 0 || name === "connections.acquireLease") callsSinceTry += 1;
      if (fewMakeIt(name)) callsOfFew += 1;
      const counted = {
        all: calls,
        "those since it first tried for the lease": callsSinceTry,
        "those that few must make": callsOfFew,
      };
      const isLast = dies !== undefined && dies.atCall === counted[dies.of];
      const begun = rig.clock.now();
      await scheduler.schedule(Promise.resolve(), name);
      if (isDead) return neverSettles();
      called.add(name);
      if (isLast && !dies.isDone) return die();
      if (name === "clock.wait" && !waitingTakesTime) return isLast ? die() : undefined;
      if (name === "connections.findForWorkspace") {
        if (omits.includes("second read") && firstSeen) return firstSeen;
        firstSeen = call();
        return isLast ? die() : firstSeen;
      }
      if (name !== "identity.refresh") {
        const result = await acting.run(self, call);
        return isLast ? die() : result;
      }

      const answering = call();
      const refusal = told === "a token" || told === "a broken line" ? undefined : refusals[told];
      self.ask = { grant: lastGrantAsked, stored: read(), refusal };
      if (self.lease) self.lease.timesAsked += 1;
      const answer = await answering;
      // Others go on meanwhile; the clock of all moves on.
      rig.clock.reach(secondsAfter(begun, answerTakes));
      await scheduler.schedule(Promise.resolve(), "the answer arrives");
      if (isDead) return neverSettles();
      if (isLast) return die();
      if (told === "a broken line") throw new Error("no answer");
      return refusal ? fail(refusal) : answer;
    };
  };

  await signIn(-1, refreshTokenAge);
  const happening = events.map(happen);
  const fetchOf = async (worker: Worker) => {
    const { fetch, ports, crowded } = rig.environment(
      callsOf(worker),
      worker.ahead,
      worker.tokenVault,
    );
    senses.push(crowded);
    await scheduler.schedule(Promise.resolve(), "a worker starts");
    if (worker.hasRead) ports.senseCrowd(ports.now(), ports.now());
    // The handler answers a broken line with a failure that may be tried again.
    return fetch(worker.minTtlSeconds).catch(() => "broken" as const);
  };
  const fetches = workers.map((worker) => ({ worker, fetched: fetchOf(worker) }));
  const outcomes = await scheduler.waitFor(
    Promise.all(fetches.filter(({ worker }) => !worker.dies).map(({ fetched }) => fetched)),
  );
  await scheduler.waitFor(Promise.all(happening));

  const written = await Promise.all(writes);
  return {
    ...rig,
    outcomes,
    leases: leases.filter(({ isGranted }) => isGranted),
    asked,
    /** Which sign-in the refresh token came from. */
    grantOf: ({ vaultEntry }: StoredConnection) => grants.get(vaultEntry),
    /** Every call that a worker made. */
    called,
    /** Whether a worker came late to a crowd. */
    hadLatecomer: senses.some((crowded) => crowded.includes(true)),
    /** Those that were not refused, in order. */
    writes: written.filter(({ before, after }) => before !== after),
    /** What a person does about a connection that has ended. */
    signInAgain: () => signIn(3_600),
  };
};

export type SimulatedRun = Awaited<ReturnType<typeof simulateFetches>>;
