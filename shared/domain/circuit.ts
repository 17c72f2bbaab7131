import type { ConnectionId, TenantId } from "./ids.ts";

/**
 * Where requests to Microsoft fail together: in one tenant, or everywhere while it refuses the app's own credential.
 * Throttling of one tenant never rests another.
 */
export type CircuitScope =
  | { readonly kind: "tenant"; readonly tenantId: TenantId }
  | { readonly kind: "app_credential" };

export type CircuitFault = "throttled" | "temporarily_unavailable" | "app_credential_rejected";

/** A circuit breaker: closed while requests go through, open while none does, half-open while one is tried. */
export interface Circuit {
  /** Why it opened last, or is about to. */
  readonly fault: CircuitFault;
  /** Different connections that met an outage since `since`. */
  readonly failing: readonly ConnectionId[];
  readonly since: Date;
  /** How often it opened without having been closed in between. */
  readonly openings: number;
  /** Nobody asks Microsoft before this. `undefined` while it is closed. */
  readonly openUntil: Date | undefined;
  /** One has asked since, and nobody else does before this. */
  readonly probeUntil: Date | undefined;
}

export interface CircuitEvent {
  readonly fault: CircuitFault;
  readonly connection: ConnectionId;
  readonly retryAfterSeconds: number | undefined;
}

const throttledSeconds = 30;
/** Whatever Microsoft says: a mistake of its must not switch a whole organisation off for a day. */
const longestThrottledSeconds = 3600;
const credentialSeconds = 30;
/** An outage is one of the tenant when so many of its connections meet it within so long. */
const outage = {
  connections: 3,
  withinSeconds: 60,
  firstSeconds: 15,
  longestSeconds: 300,
} as const;
/** Longer than Microsoft may take to answer one request. */
const probeSeconds = 15;

const after = (now: Date, seconds: number) => new Date(now.getTime() + seconds * 1000);

export type Admission =
  | { readonly kind: "closed" }
  | { readonly kind: "open"; readonly until: Date }
  /** Whoever writes {@link asProbe} first may ask. */
  | { readonly kind: "half_open" };

export const admissionTo = (circuit: Circuit | undefined, now: Date): Admission => {
  const { openUntil, probeUntil } = circuit ?? {};
  if (!openUntil) return { kind: "closed" };
  const until = probeUntil && probeUntil > openUntil ? probeUntil : openUntil;
  return until > now ? { kind: "open", until } : { kind: "half_open" };
};

export const asProbe = (circuit: Circuit, now: Date): Circuit => ({
  ...circuit,
  probeUntil: after(now, probeSeconds),
});

/** Microsoft answered: whatever was wrong is over. */
export const closed = (circuit: Circuit): Circuit => ({
  ...circuit,
  failing: [],
  openings: 0,
  openUntil: undefined,
  probeUntil: undefined,
});

/** @returns `undefined` when it changes nothing */
export const afterFault = (
  circuit: Circuit | undefined,
  { fault, connection, retryAfterSeconds }: CircuitEvent,
  now: Date,
): Circuit | undefined => {
  const known: Circuit = circuit ?? {
    fault,
    failing: [],
    since: now,
    openings: 0,
    openUntil: undefined,
    probeUntil: undefined,
  };
  const opened = (seconds: number): Circuit | undefined => {
    const openUntil = after(now, seconds);
    if (known.openUntil && known.openUntil >= openUntil) return undefined;
    return {
      ...known,
      fault,
      failing: [],
      openings: known.openings + 1,
      openUntil,
      probeUntil: undefined,
    };
  };
  switch (fault) {
    case "throttled":
      return opened(Math.min(retryAfterSeconds ?? throttledSeconds, longestThrottledSeconds));
    case "app_credential_rejected":
      return opened(credentialSeconds);
    case "temporarily_unavailable": {
      const seconds = Math.min(
        outage.firstSeconds * 2 ** Math.min(known.openings, 10),
        outage.longestSeconds,
      );
      // The one that was tried met it again.
      if (known.openUntil && known.openUntil <= now) return opened(seconds);
      const isFresh = now.getTime() - known.since.getTime() < outage.withinSeconds * 1000;
      const before = isFresh ? known.failing : [];
      if (before.includes(connection)) return undefined;
      const failing = [...before, connection];
      if (failing.length >= outage.connections) return opened(seconds);
      return { ...known, fault, failing, since: isFresh ? known.since : now };
    }
    default:
      return fault satisfies never;
  }
};

/** A circuit as it was read; what is written replaces that and nothing newer. */
export interface StoredCircuit {
  readonly circuit: Circuit;
  readonly version: number;
}

export interface Circuits {
  /** Strongly consistent. */
  find(scope: CircuitScope): Promise<StoredCircuit | undefined>;

  /** @returns whether it was written: `false` if somebody else wrote since `before` was read */
  write(scope: CircuitScope, before: StoredCircuit | undefined, circuit: Circuit): Promise<boolean>;
}
