import { circuitBreaker } from "../../functions/token-fetch/circuit-breaker.ts";
import { crowdSense } from "../../functions/token-fetch/crowd.ts";
import { type FetchTokenPorts, fetchToken } from "../../functions/token-fetch/fetch-token.ts";
import { tokenFetchHandler } from "../../functions/token-fetch/handler.ts";
import { leaseFirst } from "../../functions/token-fetch/lease-first.ts";
import {
  type FetchPurpose,
  type RefreshConnectionPorts,
  refreshConnection,
} from "../../functions/token-fetch/refresh-connection.ts";
import { causeOfEnd } from "../../functions/token-fetch/refresh-failures.ts";
import { signInFrequency } from "../../functions/token-fetch/sign-in-frequency.ts";
import { timeBudget } from "../../functions/token-fetch/time-budget.ts";
import { inMemoryTokenCache } from "../../functions/token-fetch/token-cache.ts";
import type { Connections } from "../../shared/domain/connection.ts";
import { type ConnectionId, connectionIdOf, type ProductUser } from "../../shared/domain/ids.ts";
import type { MicrosoftIdentity } from "../../shared/domain/microsoft.ts";
import { requestedScopes as allRequestedScopes } from "../../shared/domain/permissions.ts";
import { succeed } from "../../shared/domain/result.ts";
import type { TokenSealer } from "../../shared/domain/sealer.ts";
import { Secret } from "../../shared/domain/secret.ts";
import {
  type TokenVaultKind,
  type TokenVaults,
  tokenVaults,
} from "../../shared/domain/token-vaults.ts";
import { type FakeClock, fakeClock } from "./fake-clock.ts";
import { type FakeIdentity, fakeIdentity } from "./fake-identity.ts";
import { type Intercept, intercepted } from "./intercepted.ts";
import { memoryCircuits } from "./memory-circuits.ts";
import { memoryConnections } from "./memory-connections.ts";
import { memorySignInFrequencies } from "./memory-sign-in-frequencies.ts";
import { memoryVault } from "./memory-vault.ts";
import { plainSealer } from "./plain-sealer.ts";
import { account, alice, refreshedTokens, secondsAfter } from "./samples.ts";

export interface TokenFetchScript extends Partial<Pick<MicrosoftIdentity, "refresh">> {
  readonly random?: number;
  readonly sealer?: TokenSealer;
  readonly connections?: Connections;
  /** Every port call of every worker goes through it. */
  readonly intercept?: Intercept;
}

export interface SampleMailbox {
  readonly owner?: ProductUser;
  readonly accessToken?: string;
  readonly expiresInSeconds?: number;
  readonly refreshToken?: string;
  /** Unless said otherwise, its token was given an hour to live. */
  readonly connectedSecondsAgo?: number;
  readonly requestedScopes?: readonly string[];
}

/** Tokens that live an hour, numbered in the order in which they were asked for. */
const hourly = (clock: FakeClock): MicrosoftIdentity["refresh"] => {
  let asked = 0;
  return async () => {
    asked += 1;
    return succeed({
      ...refreshedTokens,
      accessToken: new Secret(`renewed-${asked}`),
      accessTokenExpiresAt: secondsAfter(clock.now(), 3600),
    });
  };
};

/** What is only looked up in a name is no call. */
const interceptedVaults = (vaults: TokenVaults, counted: Intercept): TokenVaults => {
  const { create, read, replace, erase } = intercepted("vault", vaults, counted);
  return { create, read, replace, erase, isInPlace: vaults.isInPlace };
};

/** Execution environments of token-fetch over the same stores in memory. */
export const tokenFetchInMemory = ({
  random = 0,
  sealer = plainSealer,
  connections: given,
  intercept = (_, call) => call(),
  ...microsoft
}: TokenFetchScript = {}) => {
  const clock = fakeClock();
  const connections = given ?? memoryConnections(clock.now);
  const vault = memoryVault();
  const tableVault = memoryVault("table");
  const circuits = memoryCircuits();
  const frequencies = memorySignInFrequencies();
  const identity: FakeIdentity = fakeIdentity({ refresh: hourly(clock), ...microsoft });
  let leases = 0;

  /**
   * One worker's environment, which remembers only what it has fetched itself.
   *
   * @param ahead how many seconds its clock is ahead of everybody else's
   * @param tokenVault where it keeps refresh tokens
   */
  const environment = (
    through: Intercept = intercept,
    ahead = 0,
    tokenVault: TokenVaultKind = "secrets-manager",
  ) => {
    const vaults = tokenVaults({ "secrets-manager": vault, table: tableVault }, tokenVault);
    const now = () => secondsAfter(clock.now(), ahead);
    const calls: string[] = [];
    const waits: number[] = [];
    const reported: unknown[] = [];
    const unreadable: ConnectionId[] = [];
    const narrowed: (readonly string[])[] = [];
    const ended: string[] = [];
    const entriesLeft: ConnectionId[] = [];
    const losses: ConnectionId[] = [];
    const opened: string[] = [];
    const learnt: number[] = [];
    const returns: ConnectionId[] = [];
    let loads = 0;
    const counted: Intercept = (name, call) => {
      calls.push(name);
      return through(name, call);
    };
    const approval: RefreshConnectionPorts["approval"] = {
      lost: async ({ id }) => {
        losses.push(id);
      },
      returned: async ({ id }) => {
        returns.push(id);
      },
    };
    const stores = {
      connections: intercepted("connections", connections, counted),
      identity: intercepted("identity", identity, counted),
      vault: interceptedVaults(vaults, counted),
      sealer: intercepted("sealer", sealer, counted),
    };
    const reads: boolean[] = [];
    const crowded: boolean[] = [];
    const senseCrowd = crowdSense();
    const ports: FetchTokenPorts = {
      connections: {
        findForWorkspace: (id, workspaceId, options) => {
          reads.push(options.consistent);
          return stores.connections.findForWorkspace(id, workspaceId, options);
        },
      },
      sealer: stores.sealer,
      cache: inMemoryTokenCache(),
      refresh: leaseFirst({
        connections: stores.connections,
        now,
        leaseOwner: () => {
          leases += 1;
          return `lease-${leases}`;
        },
        load: async () => {
          loads += 1;
          return refreshConnection({
            ...stores,
            now,
            idleDays: 400,
            admit: circuitBreaker({
              circuits: intercepted("circuits", circuits, counted),
              onOpened: (_, fault) => opened.push(fault),
              now,
              random: () => random,
            }),
            approval: intercepted("approval", approval, counted),
            learnSignInFrequency: signInFrequency({
              frequencies: intercepted("frequencies", frequencies, counted),
              onLearnt: (_, seconds) => learnt.push(seconds),
              now,
            }),
            onNarrowed: (_, missing) => narrowed.push(missing),
            onEnded: (_, refusal) => ended.push(causeOfEnd(refusal)),
            onEntryLeft: ({ id }) => entriesLeft.push(id),
            report: (error) => reported.push(error),
          });
        },
      }),
      senseCrowd: (begun, ended) => {
        const isCrowded = senseCrowd(begun, ended);
        crowded.push(isCrowded);
        return isCrowded;
      },
      now,
      random: () => random,
      wait: async (milliseconds) => {
        waits.push(milliseconds);
        const wakesAt = secondsAfter(clock.now(), milliseconds / 1000);
        await through("clock.wait", async () => clock.reach(wakesAt));
      },
      report: (error) => reported.push(error),
      onUnreadable: ({ id }) => unreadable.push(id),
    };
    return {
      ports,
      calls,
      waits,
      reported,
      unreadable,
      narrowed,
      ended,
      entriesLeft,
      losses,
      returns,
      opened,
      learnt,
      /** Whether each read of the table was consistent, in order. */
      reads,
      /** Whether it found itself in a crowd, after the first read of each fetch. */
      crowded,
      loads: () => loads,
      handler: tokenFetchHandler(new URL("https://graph.microsoft.com"), ports),
      fetch: (
        minTtlSeconds = 300,
        connectionId: ConnectionId = connectionIdOf(alice, account),
        workspaceId = alice.workspaceId,
        remainingSeconds: number = timeBudget.invocation,
        purpose: FetchPurpose = "use",
      ) => {
        const deadline = secondsAfter(now(), remainingSeconds);
        return fetchToken({ connectionId, workspaceId, minTtlSeconds, deadline, purpose }, ports);
      },
    };
  };

  return {
    clock,
    connections,
    vault,
    tableVault,
    circuits,
    frequencies,
    identity,
    environment,

    /** @returns the connection of a mailbox whose token is still good, unless told otherwise. */
    connect: async ({
      owner = alice,
      accessToken = "stored-token",
      expiresInSeconds = 3600,
      refreshToken = "stored-refresh-token",
      connectedSecondsAgo = 3600 - expiresInSeconds,
      requestedScopes = allRequestedScopes,
    }: SampleMailbox = {}): Promise<ConnectionId> => {
      const id = connectionIdOf(owner, account);
      const { tenantId, objectId } = account;
      const { workspaceId } = owner;
      const vaultEntry = await vault.create(
        { connectionId: id, workspaceId, tenantId, objectId },
        new Secret(refreshToken),
      );
      await connections.connect({
        id,
        owner,
        account,
        vaultEntry,
        sealedAccessToken: await sealer.seal(new Secret(accessToken), {
          purpose: "access_token",
          connectionId: id,
          workspaceId,
        }),
        accessTokenExpiresAt: secondsAfter(clock.now(), expiresInSeconds),
        scopes: ["Mail.Send"],
        requestedScopes,
        startedAt: secondsAfter(clock.now(), -connectedSecondsAgo),
        now: secondsAfter(clock.now(), -connectedSecondsAgo),
      });
      return id;
    },

    stored: () =>
      connections.findForWorkspace(connectionIdOf(alice, account), alice.workspaceId, {
        consistent: true,
      }),
  };
};

export type TokenFetchInMemory = ReturnType<typeof tokenFetchInMemory>;
