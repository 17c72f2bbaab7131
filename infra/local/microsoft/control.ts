import * as z from "zod/mini";
import { grantForTenant, grantForUser, withdrawForTenant, withdrawForUser } from "./consents.ts";
import { tenantPolicy } from "./directory.ts";
import { alterationOrder, faultOrder } from "./faults.ts";
import { readScopes, registeredScopes } from "./scopes.ts";
import {
  type AccountState,
  type ApprovalRequest,
  homePrincipal,
  type IssuedSecrets,
  type Simulation,
  type TenantState,
} from "./simulation.ts";

const accountOf = ({ state }: Simulation, name: string): AccountState => {
  const account = state.accounts.get(name.toLowerCase());
  if (!account) throw new Error("there is no such account in the simulator");
  return account;
};

const tenantOf = ({ state }: Simulation, id: string): TenantState => {
  const found = state.tenants.get(id);
  if (!found) throw new Error("there is no such tenant in the simulator");
  return found;
};

const scopeNames = (scopes: readonly string[] = registeredScopes): readonly string[] => {
  const read = readScopes(scopes.join(" "));
  if ("unknown" in read) throw new Error("there is no such scope in the simulator");
  return read.names;
};

interface Order<Input> {
  /** @throws if it is not possible, or names nobody there is */
  readonly give: (simulation: Simulation, order: Input) => void;
  /** The same for an order that came over HTTP. */
  readonly carryOut: (simulation: Simulation, body: unknown) => void;
}

const order = <Schema extends z.ZodMiniType>(
  schema: Schema,
  act: (simulation: Simulation, order: z.output<Schema>) => void,
): Order<z.input<Schema>> => ({
  give: (simulation, given) => act(simulation, schema.parse(given)),
  carryOut: (simulation, body) => act(simulation, schema.parse(body)),
});

const instant = z.union([
  z.date(),
  z.pipe(
    z.iso.datetime(),
    z.transform((text) => new Date(text)),
  ),
]);
const username = z.object({ username: z.string() });
const tenant = z.object({ tenantId: z.string() });
const nothing = z.optional(z.object({}));
const scopes = z.optional(z.array(z.string()));

/** What can be ordered of the simulator, by name. Over HTTP: `POST /_control/{name}` with a JSON body. */
const orders = {
  /** Makes the next calls of an endpoint go wrong; see {@link faultOrder}. */
  fault: order(faultOrder, ({ state }, given) => state.faults.add(given)),

  /** Spoils the next answers of the token endpoint; see {@link alterationOrder}. */
  alter: order(alterationOrder, ({ state }, given) => state.alterations.add(given)),

  /** Forgets faults and alterations that are still waiting. */
  heal: order(nothing, ({ state }) => {
    state.faults.clear();
    state.alterations.clear();
  }),

  /** Ends all sessions of a user: refresh tokens answer AADSTS50173. */
  revokeSessions: order(username, (simulation, { username }) => {
    accountOf(simulation, username).sessionEpoch += 1;
  }),

  /** AADSTS50057 from now on, on Microsoft's page and at the token endpoint. */
  disableUser: order(
    z.object({ username: z.string(), disabled: z.boolean() }),
    (simulation, { username, disabled }) => {
      accountOf(simulation, username).disabled = disabled;
    },
  ),

  /** Assigns the app to a user, or takes it away again; it counts where `assignmentRequired` is set. */
  assignUser: order(
    z.object({ username: z.string(), assigned: z.boolean() }),
    (simulation, { username, assigned }) => {
      accountOf(simulation, username).assigned = assigned;
    },
  ),

  /** Takes the mailbox away, or gives it back. */
  setMailbox: order(
    z.object({ username: z.string(), mailbox: z.boolean() }),
    (simulation, { username, mailbox }) => {
      accountOf(simulation, username).mailbox = mailbox;
    },
  ),

  /** Grants scopes for one user, all that the app has registered if none are named. */
  grantUserConsent: order(
    z.object({ username: z.string(), scopes }),
    (simulation, { username, scopes }) =>
      grantForUser(
        simulation,
        homePrincipal(simulation, accountOf(simulation, username)),
        scopeNames(scopes),
      ),
  ),

  /** Grants scopes for a whole tenant as its administrator does, in place of an earlier grant. */
  grantTenantConsent: order(
    z.object({ tenantId: z.string(), scopes }),
    (simulation, { tenantId, scopes }) =>
      grantForTenant(simulation, tenantOf(simulation, tenantId).id, scopeNames(scopes)),
  ),

  /** Withdraws what one user granted. */
  withdrawUserConsent: order(username, (simulation, { username }) =>
    withdrawForUser(simulation, homePrincipal(simulation, accountOf(simulation, username))),
  ),

  /** Withdraws what a tenant's administrator granted, and its users. */
  withdrawTenantConsent: order(tenant, (simulation, { tenantId }) =>
    withdrawForTenant(simulation, tenantOf(simulation, tenantId).id),
  ),

  /** Changes a tenant's policy; members that are left out stay. */
  setTenantPolicy: order(
    z.object({ tenantId: z.string(), policy: z.partial(tenantPolicy) }),
    (simulation, { tenantId, policy }) => {
      const changed = tenantOf(simulation, tenantId);
      changed.policy = tenantPolicy.parse({ ...changed.policy, ...policy });
    },
  ),

  /**
   * Wants everybody's second factor again, in a tenant whose policy asks for one: refreshes answer
   * AADSTS50076 with claims.
   */
  requireSecondFactorAgain: order(tenant, (simulation, { tenantId }) => {
    tenantOf(simulation, tenantId).mfaEpoch += 1;
  }),

  /** The app's secrets from now on, and which of them have expired, or when they will. */
  setClientSecrets: order(
    z.object({
      secrets: z.array(
        z.object({
          secret: z.string(),
          expired: z._default(z.boolean(), false),
          expiresAt: z.optional(instant),
        }),
      ),
    }),
    ({ state }, { secrets }) => {
      state.clientSecrets.clear();
      for (const { secret, ...end } of secrets) state.clientSecrets.set(secret, end);
    },
  ),

  /** The app's certificates from now on, X.509 in PEM; each ends when it says. */
  setClientCertificates: order(
    z.object({ certificates: z.array(z.string()) }),
    ({ state }, { certificates }) => {
      state.clientCertificates = certificates;
    },
  ),

  /** Whom else the app registration trusts from now on to name the app, and how soon that is known. */
  setFederatedCredentials: order(
    z.object({
      credentials: z.array(
        z.object({ issuer: z.string(), subject: z.string(), audience: z.string() }),
      ),
      replicationSeconds: z._default(z.number(), 0),
    }),
    (simulation, { credentials, replicationSeconds }) => {
      const knownFrom = new Date(simulation.now().getTime() + replicationSeconds * 1000);
      simulation.state.federatedCredentials = credentials.map((each) => ({ ...each, knownFrom }));
    },
  ),

  /** New keys sign ID tokens; the old ones stay published or not. */
  rotateSigningKeys: order(z.object({ keepOld: z.boolean() }), ({ keys }, given) =>
    keys.rotate(given),
  ),

  /** How long an administrator's later consent takes to reach the token endpoint. */
  setPropagation: order(z.object({ seconds: z.number() }), ({ state }, { seconds }) => {
    state.propagationSeconds = seconds;
  }),

  /**
   * Every code, access token and refresh token issued from now on holds this text, so that a log can be
   * searched for it. An ID token cannot show one: its parts are encoded.
   */
  plant: order(
    z.object({ canary: z.string().check(z.regex(/^[A-Za-z0-9]{0,40}$/)) }),
    ({ state }, { canary }) => {
      state.canary = canary;
    },
  ),

  /** Everything as it was at the start, but for the clock and the signing keys. */
  reset: order(nothing, (simulation) => simulation.reset()),
} as const;

type Orders = typeof orders;
type OrderName = keyof Orders;

/** What can be seen of the simulator. Over HTTP: `GET /_control/report`. */
interface Report {
  /**
   * Calls of each endpoint since the start or the last reset; those of the token endpoint also as
   * `token.authorization_code` and `token.refresh_token`.
   */
  readonly calls: Readonly<Record<string, number>>;
  /** How often each code was sent to the token endpoint, whatever came of it. */
  readonly redemptions: Readonly<Record<string, number>>;
  /** Every secret that left the simulator, oldest first. */
  readonly issued: IssuedSecrets;
  /** What users asked of their administrators. */
  readonly approvalRequests: readonly ApprovalRequest[];
}

/** One method for each order, and what they led to. */
export type SimulatorControl = {
  readonly [Name in OrderName]: (
    ...order: Parameters<Orders[Name]["give"]> extends [Simulation, infer Input]
      ? undefined extends Input
        ? [order?: Input]
        : [order: Input]
      : never
  ) => void;
} & { readonly report: () => Report };

export const simulatorControl = (simulation: Simulation): SimulatorControl => ({
  fault: (given) => orders.fault.give(simulation, given),
  alter: (given) => orders.alter.give(simulation, given),
  heal: (given) => orders.heal.give(simulation, given),
  revokeSessions: (given) => orders.revokeSessions.give(simulation, given),
  disableUser: (given) => orders.disableUser.give(simulation, given),
  assignUser: (given) => orders.assignUser.give(simulation, given),
  setMailbox: (given) => orders.setMailbox.give(simulation, given),
  grantUserConsent: (given) => orders.grantUserConsent.give(simulation, given),
  grantTenantConsent: (given) => orders.grantTenantConsent.give(simulation, given),
  withdrawUserConsent: (given) => orders.withdrawUserConsent.give(simulation, given),
  withdrawTenantConsent: (given) => orders.withdrawTenantConsent.give(simulation, given),
  setTenantPolicy: (given) => orders.setTenantPolicy.give(simulation, given),
  requireSecondFactorAgain: (given) => orders.requireSecondFactorAgain.give(simulation, given),
  setClientSecrets: (given) => orders.setClientSecrets.give(simulation, given),
  setClientCertificates: (given) => orders.setClientCertificates.give(simulation, given),
  setFederatedCredentials: (given) => orders.setFederatedCredentials.give(simulation, given),
  rotateSigningKeys: (given) => orders.rotateSigningKeys.give(simulation, given),
  setPropagation: (given) => orders.setPropagation.give(simulation, given),
  plant: (given) => orders.plant.give(simulation, given),
  reset: (given) => orders.reset.give(simulation, given),
  report: () => ({
    calls: Object.fromEntries(simulation.state.counters),
    redemptions: Object.fromEntries(simulation.state.redemptions),
    issued: structuredClone(simulation.state.issued),
    approvalRequests: [...simulation.state.approvalRequests],
  }),
});

const isOrder = (name: string): name is OrderName => Object.hasOwn(orders, name);

/** Carries out an order that came over HTTP. @returns why not, if it cannot be */
export const carryOut = (
  simulation: Simulation,
  name: string,
  body: unknown,
): string | undefined => {
  if (!isOrder(name)) return `There is no such order, only ${Object.keys(orders).join(", ")}.`;
  try {
    orders[name].carryOut(simulation, body);
    return undefined;
  } catch (error) {
    if (error instanceof z.core.$ZodError) return z.prettifyError(error);
    return error instanceof Error ? error.message : "not possible";
  }
};
