import * as z from "zod/mini";
import { withdrawForTenant, withdrawForUser } from "./consents.ts";
import { tenantPolicy } from "./directory.ts";
import { alterationOrder, faultOrder } from "./faults.ts";
import {
  type AccountState,
  homePrincipal,
  type IssuedSecrets,
  type Simulation,
  type TenantState,
} from "./simulation.ts";

const username = z.object({ username: z.string() });
const tenant = z.object({ tenantId: z.string() });

/** What can be ordered of the simulator, by name. Over HTTP: `POST /_control/{name}` with a JSON body. */
const orders = {
  /** Makes the next calls of an endpoint go wrong; see {@link faultOrder}. */
  fault: faultOrder,
  /** Spoils the next answers of the token endpoint; see {@link alterationOrder}. */
  alter: alterationOrder,
  /** Forgets faults and alterations that are still waiting. */
  heal: z.object({}),
  /** Ends all sessions of a user: refresh tokens answer AADSTS50173. */
  revokeSessions: username,
  disableUser: z.object({ username: z.string(), disabled: z.boolean() }),
  /** Takes the mailbox away, or gives it back. */
  setMailbox: z.object({ username: z.string(), mailbox: z.boolean() }),
  /** Withdraws what one user granted. */
  withdrawUserConsent: username,
  /** Withdraws what a tenant's administrator granted, and its users. */
  withdrawTenantConsent: tenant,
  /** Changes a tenant's policy; members that are left out stay. */
  setTenantPolicy: z.object({ tenantId: z.string(), policy: z.partial(tenantPolicy) }),
  /** Wants everybody's second factor again: refreshes answer AADSTS50076 with claims. */
  requireSecondFactorAgain: tenant,
  /** The app's secrets from now on, and which of them have expired. */
  setClientSecrets: z.object({
    secrets: z.array(z.object({ secret: z.string(), expired: z.boolean() })),
  }),
  /** New keys sign ID tokens; the old ones stay published or not. */
  rotateSigningKeys: z.object({ keepOld: z.boolean() }),
  /** How long an administrator's consent takes to reach the token endpoint. */
  setPropagation: z.object({ seconds: z.number() }),
  /** Every code and token issued from now on holds this text, so that a log can be searched for it. */
  plant: z.object({ canary: z.string().check(z.regex(/^[A-Za-z0-9]{0,40}$/)) }),
  /** Everything as it was at the start, but for the signing keys. */
  reset: z.object({}),
} as const;

type Orders = typeof orders;
type OrderName = keyof Orders;

/** What can be seen of the simulator. Over HTTP: `GET /_control/report`. */
export interface Report {
  /** Calls of each endpoint since the start or the last reset. */
  readonly calls: Readonly<Record<string, number>>;
  /** How often each code was sent to the token endpoint by a client that proved who it was. */
  readonly redemptions: Readonly<Record<string, number>>;
  readonly issued: IssuedSecrets;
}

export type SimulatorControl = {
  readonly [Name in OrderName]: (order: z.input<Orders[Name]>) => void;
} & { readonly report: () => Report };

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

export const simulatorControl = (simulation: Simulation): SimulatorControl => ({
  fault: (order) => simulation.state.faults.add(orders.fault.parse(order)),
  alter: (order) => simulation.state.alterations.add(orders.alter.parse(order)),
  heal: () => {
    simulation.state.faults.clear();
    simulation.state.alterations.clear();
  },
  revokeSessions: (order) => {
    accountOf(simulation, order.username).sessionEpoch += 1;
  },
  disableUser: ({ username, disabled }) => {
    accountOf(simulation, username).disabled = disabled;
  },
  setMailbox: ({ username, mailbox }) => {
    accountOf(simulation, username).mailbox = mailbox;
  },
  withdrawUserConsent: ({ username }) =>
    withdrawForUser(simulation, homePrincipal(simulation, accountOf(simulation, username))),
  withdrawTenantConsent: ({ tenantId }) =>
    withdrawForTenant(simulation, tenantOf(simulation, tenantId).id),
  setTenantPolicy: (order) => {
    const { tenantId, policy } = orders.setTenantPolicy.parse(order);
    const changed = tenantOf(simulation, tenantId);
    changed.policy = tenantPolicy.parse({ ...changed.policy, ...policy });
  },
  requireSecondFactorAgain: ({ tenantId }) => {
    tenantOf(simulation, tenantId).mfaEpoch += 1;
  },
  setClientSecrets: ({ secrets }) => {
    const { clientSecrets } = simulation.state;
    clientSecrets.clear();
    for (const { secret, expired } of secrets) clientSecrets.set(secret, { expired });
  },
  rotateSigningKeys: (order) => simulation.keys.rotate(order),
  setPropagation: ({ seconds }) => {
    simulation.state.propagationSeconds = seconds;
  },
  plant: (order) => {
    simulation.state.canary = orders.plant.parse(order).canary;
  },
  reset: () => simulation.reset(),
  report: () => ({
    calls: Object.fromEntries(simulation.state.counters),
    redemptions: Object.fromEntries(simulation.state.redemptions),
    issued: simulation.state.issued,
  }),
});

const isOrder = (name: string): name is OrderName => Object.hasOwn(orders, name);

/** Carries out an order that came over HTTP. @returns why not, if it cannot be */
export const carryOut = (
  control: SimulatorControl,
  name: string,
  body: unknown,
): string | undefined => {
  if (!isOrder(name)) return `There is no such order, only ${Object.keys(orders).join(", ")}.`;
  const order = orders[name].safeParse(body);
  if (!order.success) return z.prettifyError(order.error);
  const act: (order: never) => void = control[name];
  act(order.data as never);
  return undefined;
};
