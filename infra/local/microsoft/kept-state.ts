import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod/mini";
import { personalTenantId } from "./directory.ts";
import { type Principal, principalAt, type Simulation } from "./simulation.ts";

const instant = z.pipe(
  z.iso.datetime(),
  z.transform((text) => new Date(text)),
);

/** A principal is kept by name, and found again in the directory. */
const holder = { username: z.string(), tenantId: z.string(), scopes: z.array(z.string()) };

const keptState = z.object({
  tenantConsents: z.array(
    z.tuple([z.string(), z.object({ scopes: z.array(z.string()), effectiveAt: instant })]),
  ),
  userConsents: z.array(z.tuple([z.string(), z.array(z.string())])),
  refreshTokens: z.array(
    z.tuple([
      z.string(),
      z.object({
        ...holder,
        withResource: z.boolean(),
        authenticatedAt: instant,
        sessionEpoch: z.number(),
        mfaEpoch: z.optional(z.number()),
        expiresAt: instant,
      }),
    ]),
  ),
  accessTokens: z.array(z.tuple([z.string(), z.object({ ...holder, expiresAt: instant })])),
  /** How often the sessions of an account were revoked, and its tenant began to ask for a second factor. */
  sessionEpochs: z._default(z.array(z.tuple([z.string(), z.number()])), []),
  mfaEpochs: z._default(z.array(z.tuple([z.string(), z.number()])), []),
});

const fileIn = (folder: string) => join(folder, "granted.json");

const namesOf = ({ principal, scopes }: { principal: Principal; scopes: readonly string[] }) => ({
  username: principal.account.username,
  tenantId: principal.tenant.id,
  scopes: [...scopes],
});

/**
 * Keeps what Microsoft has granted, so that connections outlive a restart of the simulator: consents and
 * tokens with what ends them, and nothing else that a test ordered.
 */
export const keepState = ({ state, now }: Simulation, folder: string): void => {
  const lives = ([, { expiresAt }]: readonly [string, { readonly expiresAt: Date }]) =>
    expiresAt > now();
  const kept = {
    tenantConsents: [...state.tenantConsents].map(([tenantId, { scopes, effectiveAt }]) => [
      tenantId,
      { scopes: [...scopes], effectiveAt },
    ]),
    userConsents: [...state.userConsents].map(([user, scopes]) => [user, [...scopes]]),
    refreshTokens: [...state.refreshTokens].filter(lives).map(([token, grant]) => [
      token,
      {
        ...namesOf(grant),
        withResource: grant.withResource,
        authenticatedAt: grant.authenticatedAt,
        sessionEpoch: grant.sessionEpoch,
        mfaEpoch: grant.mfaEpoch,
        expiresAt: grant.expiresAt,
      },
    ]),
    accessTokens: [...state.accessTokens]
      .filter(lives)
      .map(([token, grant]) => [token, { ...namesOf(grant), expiresAt: grant.expiresAt }]),
    sessionEpochs: [...state.accounts].map(([name, { sessionEpoch }]) => [name, sessionEpoch]),
    mfaEpochs: [...state.tenants].map(([id, { mfaEpoch }]) => [id, mfaEpoch]),
  };
  mkdirSync(folder, { recursive: true });
  const file = fileIn(folder);
  writeFileSync(`${file}.new`, JSON.stringify(kept), { mode: 0o600 });
  renameSync(`${file}.new`, file);
};

/** Takes up what an earlier run kept in the folder, if there was one. */
export const restoreState = (simulation: Simulation, folder: string): void => {
  let text: string;
  try {
    text = readFileSync(fileIn(folder), "utf8");
  } catch {
    return;
  }
  const kept = keptState.parse(JSON.parse(text));
  const { tenantConsents, userConsents, refreshTokens, accessTokens } = kept;
  const { state } = simulation;
  for (const [name, sessionEpoch] of kept.sessionEpochs) {
    const account = state.accounts.get(name);
    if (account) account.sessionEpoch = sessionEpoch;
  }
  for (const [id, mfaEpoch] of kept.mfaEpochs) {
    const tenant = state.tenants.get(id);
    if (tenant) tenant.mfaEpoch = mfaEpoch;
  }
  const principalOf = ({ username, tenantId }: { username: string; tenantId: string }) => {
    const account = state.accounts.get(username.toLowerCase());
    const authority =
      tenantId === personalTenantId
        ? ({ kind: "consumers" } as const)
        : ({ kind: "tenant", tenantId } as const);
    return account && principalAt(simulation, account, authority);
  };

  for (const [tenantId, { scopes, effectiveAt }] of tenantConsents) {
    state.tenantConsents.set(tenantId, { scopes: new Set(scopes), effectiveAt });
  }
  for (const [user, scopes] of userConsents) state.userConsents.set(user, new Set(scopes));
  for (const [token, { mfaEpoch, ...grant }] of refreshTokens) {
    const principal = principalOf(grant);
    if (principal) {
      state.refreshTokens.set(token, { ...grant, mfaEpoch, principal, nonce: undefined });
    }
  }
  for (const [token, { scopes, expiresAt, ...names }] of accessTokens) {
    const principal = principalOf(names);
    if (principal) state.accessTokens.set(token, { principal, scopes, expiresAt });
  }
};
