import type {
  Connections,
  HeldLease,
  Lease,
  StoredConnection,
} from "../../shared/domain/connection.ts";
import { guiding } from "../../shared/domain/guiding.ts";
import { secondsBefore } from "../../shared/domain/in-time.ts";
import type { MicrosoftIdentity, RefreshedTokens } from "../../shared/domain/microsoft.ts";
import { missingScopes, openIdScopes } from "../../shared/domain/permissions.ts";
import type { Problem } from "../../shared/domain/problem.ts";
import type { TokenSealer } from "../../shared/domain/sealer.ts";
import type { Secret } from "../../shared/domain/secret.ts";
import { signInAgainMessage } from "../../shared/domain/sign-in-frequency.ts";
import type { TokenVaults } from "../../shared/domain/token-vaults.ts";
import type { Admission, Admit } from "./circuit-breaker.ts";
import {
  afterOutage,
  lostRefreshToken,
  type Refusal,
  setbackOf,
  tokenFailureOf,
  unusedConnection,
} from "./refresh-failures.ts";
import type { LearnSignInFrequency } from "./sign-in-frequency.ts";
import { stepLimits, timeBudget } from "./time-budget.ts";
import { heldUp, type TokenFailure } from "./token-failure.ts";

/** Microsoft leaves an old refresh token valid, so the stored one is replaced only when it is this old. */
const replaceAfterSeconds = 24 * 3600;

export type RefreshOutcome =
  | { readonly kind: "refreshed"; readonly connection: StoredConnection }
  | { readonly kind: "refused"; readonly failure: TokenFailure }
  /** Somebody else holds the lease. */
  | { readonly kind: "elsewhere" }
  /** Somebody else wrote first; whatever this call got is dropped. */
  | { readonly kind: "overtaken" };

/** What a token is asked for: for a worker to use it, or only so that its refresh token lives on. */
export type FetchPurpose = "use" | "keep_alive";

/** @param deadline when the invocation ends: Microsoft is not asked when it could answer too late for it */
export type RefreshConnection = (
  connection: StoredConnection,
  deadline: Date,
  purpose: FetchPurpose,
) => Promise<RefreshOutcome>;

/** A refresh by the one who holds the connection's lease. */
export type RefreshUnderLease = (
  connection: StoredConnection,
  deadline: Date,
  lease: Lease,
  purpose: FetchPurpose,
) => Promise<RefreshOutcome>;

export interface RefreshConnectionPorts {
  readonly connections: Pick<Connections, "saveRefreshed" | "recordSetback">;
  readonly identity: Pick<MicrosoftIdentity, "refresh">;
  readonly vault: TokenVaults;
  readonly sealer: Pick<TokenSealer, "seal">;
  readonly now: () => Date;
  /** A connection that nobody has used for longer than so many days is not kept alive, but ends. */
  readonly idleDays: number;
  /** Whether Microsoft may be asked now, for what it has told others. */
  readonly admit: Admit;
  /** What a refresh tells of the approval of the whole tenant. */
  readonly approval: {
    /** Microsoft refuses it for the want of the tenant's approval. */
    readonly lost: (connection: StoredConnection) => Promise<void>;
    /** A connection that waited for its administrator is renewed again, with all permissions. */
    readonly returned: (connection: StoredConnection) => Promise<void>;
  };
  /** What a refusal for the age of the sign-in tells of the tenant. */
  readonly learnSignInFrequency: LearnSignInFrequency;
  /** Told of all permissions that a connection lacks, when one of them has gone. */
  readonly onNarrowed: (connection: StoredConnection, missing: readonly string[]) => void;
  /** Told of a connection that has ended just now: its person must sign in again. */
  readonly onEnded: (connection: StoredConnection, refusal: Refusal) => void;
  /** Told of a refresh token of this connection that is not to be used any more, and could not be erased. */
  readonly onEntryLeft: (connection: StoredConnection, error: unknown) => void;
  /** Told of an error that the caller does not notice. */
  readonly report: (error: unknown) => void;
}

/** For when it cannot be found out: what others were told only guides. */
const admittedUnseen: Admission = { stop: undefined, tell: async () => {} };

/** What is left is never served, so that nothing depends on whether this works. */
const eraseUnused = async (
  vaultEntry: string,
  connection: StoredConnection,
  { vault, onEntryLeft }: RefreshConnectionPorts,
) => {
  try {
    await vault.erase(vaultEntry);
  } catch (error) {
    onEntryLeft(connection, error);
  }
};

const ownerOf = ({ id, owner, account }: StoredConnection) => ({
  connectionId: id,
  workspaceId: owner.workspaceId,
  tenantId: account.tenantId,
  objectId: account.objectId,
});

/**
 * Renews the access token of one connection. Nothing is written unless the lease is still held and the version is
 * still the one that was read.
 */
export const refreshConnection =
  (ports: RefreshConnectionPorts): RefreshUnderLease =>
  async (stored, deadline, lease, purpose) => {
    const { connections, now } = ports;
    const connection = {
      ...stored,
      // Where it was not kept when it was used last, it was now: nothing tells how long ago.
      lastUsedAt: purpose === "use" ? now() : (stored.lastUsedAt ?? now()),
    };
    const { id, version } = connection;
    const held: HeldLease = { owner: lease.owner, version };
    const savedBy = earlier(lease.expiresAt, secondsBefore(deadline, timeBudget.note));
    try {
      return await refreshInTime(connection, held, savedBy, ports);
    } catch (error) {
      // An outage of ours says nothing about the connection. Letting go of the lease is a courtesy: it
      // runs out by itself.
      if (now() <= secondsBefore(savedBy, stepLimits.table)) {
        const setback = afterOutage(connection, now());
        await Promise.allSettled([connections.recordSetback(id, held, setback)]);
      }
      throw error;
    }
  };

type UsedConnection = StoredConnection & { readonly lastUsedAt: Date };

const earlier = (one: Date, other: Date) => (one < other ? one : other);

/** Where it was not kept what the sign-in asked for, what was granted and the next refresh token. */
const scopesToAskFor = ({ requestedScopes, scopes }: StoredConnection): readonly string[] =>
  requestedScopes ?? [...new Set([...openIdScopes, ...scopes])];

/** One that waits for an administrator, or has ended, is not for its person to use. */
const isUnused = (
  { status, lastUsedAt }: UsedConnection,
  { idleDays, now }: RefreshConnectionPorts,
): boolean =>
  status === "connected" && now().getTime() - lastUsedAt.getTime() > idleDays * 24 * 3600 * 1000;

const refreshInTime = async (
  connection: UsedConnection,
  held: HeldLease,
  savedBy: Date,
  ports: RefreshConnectionPorts,
): Promise<RefreshOutcome> => {
  const { connections, identity, vault, admit, approval, now, onEnded, report } = ports;
  const refused = async (refusal: Refusal): Promise<RefreshOutcome> => {
    const failure = await inOwnWords(refusal, connection, ports);
    const setback = setbackOf(failure, connection, now());
    const recorded = await connections.recordSetback(connection.id, held, setback);
    // A refusal counts only for the version that was refused.
    if (!recorded) return { kind: "overtaken" };
    const isOver = setback.status === "reauthorization_required";
    if (isOver && connection.status !== setback.status) onEnded(connection, failure);
    if (failure.losesApproval) await guiding(() => approval.lost(connection), report);
    return { kind: "refused", failure: tokenFailureOf(failure, setback) };
  };

  // A worker's own request is a use, so only the keep-alive ever meets one.
  if (isUnused(connection, ports)) {
    const outcome = await refused(unusedConnection(ports.idleDays));
    if (outcome.kind === "refused") await eraseUnused(connection.vaultEntry, connection, ports);
    return outcome;
  }

  const [refreshToken, { stop, tell }] = await Promise.all([
    vault.read(connection.vaultEntry, ownerOf(connection)),
    admit(connection).catch((error): Admission => {
      report(error);
      return admittedUnseen;
    }),
  ]);
  if (!refreshToken) return refused(lostRefreshToken);
  if (stop) return refused(stop);
  const until = secondsBefore(savedBy, timeBudget.save);
  const refreshed = await identity.refresh({
    refreshToken,
    account: connection.account,
    scopes: scopesToAskFor(connection),
    until,
  });
  if (!refreshed.ok) {
    const { failure } = refreshed;
    if (failure.evidence.error === "out_of_time") {
      // Nothing was learnt, so nothing is written: the lease ends by itself, whoever holds it by now.
      return { kind: "refused", failure: heldUp };
    }
    const [refusal] = await Promise.all([refused(failure), guiding(() => tell(failure), report)]);
    return refusal;
  }
  const [outcome] = await Promise.all([
    save(refreshed.value, { connection, held, refreshToken }, until, ports),
    guiding(() => tell(undefined), report),
  ]);
  return outcome;
};

/** What a connection that is renewed again tells of its tenant. */
const noteReturn = async (
  before: StoredConnection,
  scopes: readonly string[],
  { approval, report }: RefreshConnectionPorts,
) => {
  // Fewer permissions than are asked for today tell nothing of today's approval.
  const isBack = before.problem?.actor === "tenant_admin" && missingScopes(scopes).length === 0;
  if (isBack) await guiding(() => approval.returned(before), report);
};

/** Names the period after which the tenant asks for a new sign-in, as far as it is known. */
const inOwnWords = async (
  failure: Refusal,
  connection: StoredConnection,
  { learnSignInFrequency, report }: RefreshConnectionPorts,
): Promise<Refusal> => {
  if (!failure.signInFrequency) return failure;
  try {
    const atMostSeconds = await learnSignInFrequency(connection);
    if (atMostSeconds === undefined) return failure;
    return { ...failure, message: signInAgainMessage(atMostSeconds) };
  } catch (error) {
    report(error);
    return failure;
  }
};

/** The token works for what is left: workers get it, with the permissions that it really has. */
const permissionsMissing: Problem = {
  code: "permissions_missing",
  actor: "user",
  message:
    "Microsoft does not grant all permissions that workflows need, so some of them may fail. Please reconnect the mailbox and accept all of them.",
};

interface Refreshing {
  readonly connection: StoredConnection;
  readonly held: HeldLease;
  /** The one that was used. */
  readonly refreshToken: Secret;
}

/**
 * Keeps the newest refresh token: in the stored entry once a day, or in a new one in the chosen vault if the stored one
 * is in the other.
 *
 * @returns what the connection is to name
 */
const keepRefreshToken = async (
  newest: Secret | undefined,
  { connection, refreshToken }: Refreshing,
  { vault, now, report }: RefreshConnectionPorts,
): Promise<Pick<StoredConnection, "vaultEntry" | "refreshTokenStoredAt">> => {
  const { vaultEntry, refreshTokenStoredAt } = connection;
  const age = (now().getTime() - refreshTokenStoredAt.getTime()) / 1000;
  try {
    if (!vault.isInPlace(vaultEntry)) {
      const moved = await vault.create(ownerOf(connection), newest ?? refreshToken);
      return { vaultEntry: moved, refreshTokenStoredAt: now() };
    }
    if (newest && age > replaceAfterSeconds) {
      await vault.replace(vaultEntry, ownerOf(connection), newest);
      return { vaultEntry, refreshTokenStoredAt: now() };
    }
  } catch (error) {
    // The stored one still works, so the next refresh tries again.
    report(error);
  }
  return { vaultEntry, refreshTokenStoredAt };
};

const save = async (
  { accessToken, accessTokenExpiresAt, refreshToken: newest, scopes }: RefreshedTokens,
  refreshing: Refreshing,
  /** When the sealing and the write must begin at the latest. */
  begunBy: Date,
  ports: RefreshConnectionPorts,
): Promise<RefreshOutcome> => {
  const { connection, held } = refreshing;
  const { connections, sealer, now, onNarrowed } = ports;
  const { id, owner } = connection;
  // Left to the next refresh when there is no time for it: the stored one still works.
  const hasTime = now() <= secondsBefore(begunBy, stepLimits.secret);
  const kept = hasTime ? await keepRefreshToken(newest, refreshing, ports) : connection;
  const { vaultEntry, refreshTokenStoredAt } = kept;
  const tokens = {
    sealedAccessToken: await sealer.seal(accessToken, {
      purpose: "access_token",
      connectionId: id,
      workspaceId: owner.workspaceId,
    }),
    accessTokenExpiresAt,
    scopes: scopes.length > 0 ? scopes : connection.scopes,
  };
  const missing = missingScopes(tokens.scopes, scopesToAskFor(connection));
  const problem = missing.length > 0 ? permissionsMissing : undefined;
  const saved = await connections.saveRefreshed(id, held, {
    ...tokens,
    vaultEntry,
    refreshTokenStoredAt,
    lastUsedAt: connection.lastUsedAt,
    problem,
    now: now(),
  });
  const unnamed = saved ? connection.vaultEntry : vaultEntry;
  // Together: for both there is the time of one.
  await Promise.all([
    vaultEntry !== connection.vaultEntry && eraseUnused(unnamed, connection, ports),
    saved && noteReturn(connection, tokens.scopes, ports),
  ]);
  if (!saved) return { kind: "overtaken" };
  const missingBefore = missingScopes(connection.scopes, scopesToAskFor(connection));
  const isNarrower = missing.some((scope) => !missingBefore.includes(scope));
  if (isNarrower) onNarrowed(connection, missing);
  return {
    kind: "refreshed",
    connection: {
      ...connection,
      ...tokens,
      vaultEntry,
      status: "connected",
      problem,
      version: held.version + 1,
      lease: undefined,
      forgottenAt: undefined,
    },
  };
};
