import {
  admissionTo,
  afterFault,
  asProbe,
  type Circuit,
  type CircuitFault,
  type CircuitScope,
  type Circuits,
  closed,
  type StoredCircuit,
} from "../../shared/domain/circuit.ts";
import type { StoredConnection } from "../../shared/domain/connection.ts";
import { personalAccountsTenant } from "../../shared/domain/ids.ts";
import type { MicrosoftFailure, MicrosoftFailureKind } from "../../shared/domain/microsoft.ts";

export interface CircuitBreakerPorts {
  readonly circuits: Circuits;
  /** Told when requests of a scope begin to rest. */
  readonly onOpened: (scope: CircuitScope, fault: CircuitFault) => void;
  readonly now: () => Date;
  /** Between 0 and 1. */
  readonly random: () => number;
}

/** Whether Microsoft may be asked for one connection now. */
export interface Admission {
  /** Why not, and for how long. */
  readonly stop: MicrosoftFailure | undefined;
  /** Told what came of asking; `undefined` for a token. */
  readonly tell: (failure: MicrosoftFailure | undefined) => Promise<void>;
}

export type Admit = (connection: StoredConnection) => Promise<Admission>;

/** So many others may write first before this one gives up: it only guides. */
const writeTries = 4;

/** Those who rest do not come back all at once, and never too early. */
const spreadSeconds = 5;

const appCredential: CircuitScope = { kind: "app_credential" };

const stops: Record<CircuitFault, Pick<MicrosoftFailure, "actor" | "retryable" | "message">> = {
  throttled: {
    actor: "nobody",
    retryable: true,
    message: "Microsoft asks us to slow down for this organisation. It is tried again shortly.",
  },
  temporarily_unavailable: {
    actor: "nobody",
    retryable: true,
    message: "Microsoft does not answer for this organisation just now. It is tried again shortly.",
  },
  app_credential_rejected: {
    actor: "operator",
    retryable: false,
    message:
      "Connecting to Microsoft is interrupted on our side. We have been alerted; your mailbox stays connected.",
  },
};

const isTroubled = ({ openUntil, failing }: Circuit) =>
  openUntil !== undefined || failing.length > 0;

/** Nothing was said about the connection, nor about its tenant. */
const unanswered: ReadonlySet<string> = new Set<MicrosoftFailureKind>([
  "temporarily_unavailable",
  "app_credential_rejected",
  "app_refused",
]);

const tenantFaults: Partial<Record<MicrosoftFailureKind, CircuitFault>> = {
  throttled: "throttled",
  temporarily_unavailable: "temporarily_unavailable",
  // A tenant whose administrator brings it about is not to rest all others, so it is no fault of the credential.
  app_refused: "temporarily_unavailable",
};

/** An outage of one tenant, or throttling there, says nothing about others; a rejected credential is everybody's. */
const faultOf = (
  { kind, accountAlone }: MicrosoftFailure,
  tenant: CircuitScope,
  isPersonal: boolean,
): { readonly scope: CircuitScope; readonly fault: CircuitFault } | undefined => {
  if (kind === "app_credential_rejected") return { scope: appCredential, fault: kind };
  // Private mailboxes are one tenant to Microsoft, and share nothing: each has its trouble alone.
  if (accountAlone || isPersonal) return undefined;
  const fault = tenantFaults[kind];
  return fault && { scope: tenant, fault };
};

/**
 * Rests requests that would fail: of a tenant that Microsoft throttles or cannot serve, and of all while it refuses the
 * app's credential. When the rest is over, one request is tried before the others.
 */
export const circuitBreaker = ({ circuits, onOpened, now, random }: CircuitBreakerPorts): Admit => {
  const stopped = (circuit: Circuit, until: Date): MicrosoftFailure => ({
    kind: circuit.fault,
    ...stops[circuit.fault],
    certain: true,
    retryAfterSeconds: Math.ceil(
      (until.getTime() - now().getTime()) / 1000 + random() * spreadSeconds,
    ),
    evidence: { error: "circuit_open", errorCodes: [] },
  });

  /** @returns why not to ask; `undefined` for the one who may, or for all */
  const pass = async (
    scope: CircuitScope,
    stored: StoredCircuit | undefined,
  ): Promise<MicrosoftFailure | undefined> => {
    if (!stored) return undefined;
    const { circuit } = stored;
    const admission = admissionTo(circuit, now());
    switch (admission.kind) {
      case "closed":
        return undefined;
      case "open":
        return stopped(circuit, admission.until);
      case "half_open": {
        const probe = asProbe(circuit, now());
        const isProbe = await circuits.write(scope, stored, probe);
        return isProbe ? undefined : stopped(circuit, probe.probeUntil ?? now());
      }
      default:
        return admission satisfies never;
    }
  };

  const change = async (
    scope: CircuitScope,
    next: (circuit: Circuit | undefined) => Circuit | undefined,
  ): Promise<void> => {
    for (let tries = 0; tries < writeTries; tries += 1) {
      const stored = await circuits.find(scope);
      const circuit = next(stored?.circuit);
      if (!circuit) return;
      if (!(await circuits.write(scope, stored, circuit))) continue;
      const isOpened = circuit.openings > (stored?.circuit.openings ?? 0);
      if (isOpened) onOpened(scope, circuit.fault);
      return;
    }
  };

  return async ({ id, account }) => {
    const tenant: CircuitScope = { kind: "tenant", tenantId: account.tenantId };
    const isPersonal = account.tenantId === personalAccountsTenant;
    const [ofApp, ofTenant] = await Promise.all([
      circuits.find(appCredential),
      circuits.find(tenant),
    ]);
    const known = [
      [appCredential, ofApp],
      [tenant, ofTenant],
    ] as const;
    const isOpen = known.find(
      ([, stored]) => stored && admissionTo(stored.circuit, now()).kind === "open",
    );
    // Nobody is the probe of one while the other is open.
    const inTurn = isOpen ? [isOpen] : known;
    let stop: MicrosoftFailure | undefined;
    for (const [scope, stored] of inTurn) stop ??= await pass(scope, stored);

    /** Only what was known when this one asked: it may have opened anew since. */
    const settle = (known: Circuit) => (circuit: Circuit | undefined) => {
      const isKnown =
        circuit?.openings === known.openings &&
        circuit.openUntil?.getTime() === known.openUntil?.getTime();
      return isKnown && isTroubled(circuit) ? closed(circuit) : undefined;
    };
    return {
      stop,
      tell: async (failure) => {
        const fault = failure && faultOf(failure, tenant, isPersonal);
        if (fault) {
          const { retryAfterSeconds } = failure;
          const event = { fault: fault.fault, connection: id, retryAfterSeconds };
          await change(fault.scope, (circuit) => afterFault(circuit, event, now()));
        }
        if (failure && unanswered.has(failure.kind) && !failure.accountAlone) return;
        // Whoever gets an answer, even a refusal of its own, shows that the way there is free.
        for (const [scope, stored] of known) {
          const isOver = stored && isTroubled(stored.circuit) && scope !== fault?.scope;
          if (isOver) await change(scope, settle(stored.circuit));
        }
      },
    };
  };
};
