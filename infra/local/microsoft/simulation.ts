import { randomBytes } from "node:crypto";
import {
  type Account,
  accounts,
  personalTenantId,
  type Tenant,
  type TenantPolicy,
  tenants,
} from "./directory.ts";
import { type AlterationOrder, type FaultOrder, OrderBook } from "./faults.ts";
import { type SigningKeys, signingKeys } from "./keys.ts";

/** Another issuer's statement about a subject that is taken for the app's own. */
export interface FederatedCredential {
  readonly issuer: string;
  readonly subject: string;
  readonly audience: string;
  /** It takes a while to be known everywhere. @default at once */
  readonly knownFrom?: Date;
}

export interface SimulatorOptions {
  /** 0 or nothing for any free one. */
  readonly port?: number;
  readonly clock: { now(): Date };
  readonly clientId: string;
  readonly clientSecrets: readonly string[];
  /** X.509 in PEM, with which client assertions are checked. */
  readonly clientCertificates?: readonly string[];
  /** Whom else the app registration trusts to name the app; asked when an assertion comes. */
  readonly federatedCredentials?: () => readonly FederatedCredential[];
  readonly redirectUris: readonly string[];
  readonly adminConsentRedirectUris?: readonly string[];
  readonly appName?: string;
  /** Keeps consents and tokens there, so that connections outlive a restart. */
  readonly folder?: string;
}

/** The tenant part of an endpoint's path. */
export type Authority =
  | { readonly kind: "common" | "organizations" | "consumers" }
  | { readonly kind: "tenant"; readonly tenantId: string };

export interface TenantState extends Omit<Tenant, "policy"> {
  policy: TenantPolicy;
  /** Rises when an administrator wants everybody's second factor again. */
  mfaEpoch: number;
}

export interface AccountState extends Omit<Account, "disabled" | "mailbox"> {
  disabled: boolean;
  mailbox: boolean;
  /** An administrator has assigned the app to this person. */
  assigned: boolean;
  /** Rises when the sessions are revoked: what was issued under an older number is void. */
  sessionEpoch: number;
}

/** An account as one tenant knows it. */
export interface Principal {
  readonly account: AccountState;
  readonly tenant: TenantState;
  readonly oid: string;
  readonly guest: boolean;
}

/** How and when a person proved who they are. */
export interface SignedIn {
  readonly authenticatedAt: Date;
  readonly sessionEpoch: number;
  /** The tenant's number when the second factor was given, if it was. */
  readonly mfaEpoch: number | undefined;
}

export interface Grant extends SignedIn {
  readonly principal: Principal;
  readonly scopes: readonly string[];
  readonly withResource: boolean;
  readonly nonce: string | undefined;
}

export interface CodeGrant extends Grant {
  readonly authority: Authority;
  readonly redirectUri: string;
  readonly codeChallenge: { readonly value: string; readonly method: "S256" | "plain" } | undefined;
  readonly expiresAt: Date;
  redeemed: boolean;
}

export interface RefreshGrant extends Grant {
  readonly expiresAt: Date;
}

export interface AccessGrant {
  readonly principal: Principal;
  readonly scopes: readonly string[];
  readonly expiresAt: Date;
}

export interface AuthorizePurpose {
  readonly kind: "authorize";
  readonly redirectUri: string;
  readonly responseMode: "query" | "fragment" | "form_post";
  readonly state: string | undefined;
  readonly nonce: string | undefined;
  readonly scopes: readonly string[];
  readonly withResource: boolean;
  readonly prompt: "none" | "login" | "select_account" | "consent" | undefined;
  readonly loginHint: string | undefined;
  readonly codeChallenge: CodeGrant["codeChallenge"];
  readonly clientInfo: boolean;
  /** A claims request of Conditional Access came along: the second factor is due again. */
  readonly stepUp: boolean;
}

export interface AdminConsentPurpose {
  readonly kind: "admin_consent";
  readonly redirectUri: string;
  readonly state: string | undefined;
  readonly scopes: readonly string[];
  readonly scopeText: string;
}

/** A person on their way through the pages. */
export interface Interaction {
  readonly id: string;
  readonly browser: Browser;
  readonly authority: Authority;
  readonly purpose: AuthorizePurpose | AdminConsentPurpose;
  account: AccountState | undefined;
  passwordGiven: boolean;
  mfaGiven: boolean;
}

/** One browser's cookie, and who is signed in there by username in lower case. */
export interface Browser {
  readonly id: string;
  readonly sessions: Map<string, SignedIn>;
}

export interface ApprovalRequest {
  readonly username: string;
  readonly tenantId: string;
  readonly scopes: readonly string[];
  readonly justification: string;
}

/** Every secret that left the simulator, so that a test can search logs for them. */
export interface IssuedSecrets {
  readonly codes: string[];
  readonly accessTokens: string[];
  readonly refreshTokens: string[];
  readonly idTokens: string[];
}

interface TenantConsent {
  readonly scopes: ReadonlySet<string>;
  /** The token endpoint knows of it only from then on. */
  readonly effectiveAt: Date;
}

/** All that changes; a reset makes it anew. */
const initialState = (options: SimulatorOptions) => ({
  tenants: new Map<string, TenantState>(
    tenants.map((tenant) => [tenant.id, { ...tenant, mfaEpoch: 1 }]),
  ),
  accounts: new Map<string, AccountState>(
    accounts.map((account) => [
      account.username.toLowerCase(),
      { ...account, assigned: false, sessionEpoch: 1 },
    ]),
  ),
  tenantConsents: new Map<string, TenantConsent>(),
  /** By tenant and object id. */
  userConsents: new Map<string, ReadonlySet<string>>(),
  approvalRequests: [] as ApprovalRequest[],
  browsers: new Map<string, Browser>(),
  interactions: new Map<string, Interaction>(),
  codes: new Map<string, CodeGrant>(),
  refreshTokens: new Map<string, RefreshGrant>(),
  accessTokens: new Map<string, AccessGrant>(),
  redemptions: new Map<string, number>(),
  issued: { codes: [], accessTokens: [], refreshTokens: [], idTokens: [] } as IssuedSecrets,
  clientSecrets: new Map<
    string,
    { readonly expired: boolean; readonly expiresAt?: Date | undefined }
  >(options.clientSecrets.map((secret) => [secret, { expired: false }])),
  clientCertificates: options.clientCertificates ?? [],
  /** Only if they were ordered; otherwise those of the options. */
  federatedCredentials: undefined as readonly FederatedCredential[] | undefined,
  propagationSeconds: 0,
  canary: "",
  counters: new Map<string, number>(),
  faults: new OrderBook<FaultOrder>(),
  alterations: new OrderBook<AlterationOrder>(),
});

export interface Simulation {
  readonly options: SimulatorOptions;
  readonly appName: string;
  readonly startedAt: Date;
  readonly keys: SigningKeys;
  origin: string;
  state: ReturnType<typeof initialState>;
  now(): Date;
  reset(): void;
}

export const newSimulation = (options: SimulatorOptions): Simulation => ({
  options,
  appName: options.appName ?? "Appse AI",
  startedAt: options.clock.now(),
  keys: signingKeys(),
  origin: "http://127.0.0.1",
  state: initialState(options),
  now: () => options.clock.now(),
  reset() {
    this.state = initialState(options);
  },
});

export const randomText = (bytes: number): string => randomBytes(bytes).toString("base64url");

/** @returns `undefined` if there is no such tenant. */
export const readAuthority = ({ state }: Simulation, segment: string): Authority | undefined => {
  const name = segment.toLowerCase();
  if (name === "common" || name === "organizations" || name === "consumers") return { kind: name };
  if (name === personalTenantId) return { kind: "consumers" };
  for (const { id, domain } of state.tenants.values())
    if (id === name || domain === name) return { kind: "tenant", tenantId: id };
  return undefined;
};

export const sameAuthority = (one: Authority, other: Authority): boolean =>
  one.kind === "tenant" && other.kind === "tenant"
    ? one.tenantId === other.tenantId
    : one.kind === other.kind;

/** The account as the authority sees it. @returns `undefined` if it has no place there. */
export const principalAt = (
  { state }: Simulation,
  account: AccountState,
  authority: Authority,
): Principal | undefined => {
  const isPersonal = account.tenantId === personalTenantId;
  const home = state.tenants.get(account.tenantId);
  if (!home) return undefined;
  const atHome: Principal = { account, tenant: home, oid: account.oid, guest: false };
  switch (authority.kind) {
    case "common":
      return atHome;
    case "organizations":
      return isPersonal ? undefined : atHome;
    case "consumers":
      return isPersonal ? atHome : undefined;
    case "tenant": {
      if (authority.tenantId === account.tenantId) return atHome;
      const guest = account.guestIn.find(({ tenantId }) => tenantId === authority.tenantId);
      const tenant = state.tenants.get(authority.tenantId);
      return guest && tenant ? { account, tenant, oid: guest.oid, guest: true } : undefined;
    }
    default:
      return authority satisfies never;
  }
};

export const homePrincipal = (simulation: Simulation, account: AccountState): Principal => {
  const principal = principalAt(simulation, account, { kind: "common" });
  if (!principal) throw new Error("every account has a home tenant");
  return principal;
};

/** The claims request that an answer of Conditional Access carries; the value names a policy. */
export const stepUpClaims = JSON.stringify({
  access_token: {
    capolids: { essential: true, values: ["b5f4a3c2-1d0e-4f9a-8b7c-6d5e4f3a2b1c"] },
  },
});
