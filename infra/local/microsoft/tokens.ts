import { createHash, randomBytes, randomInt, randomUUID } from "node:crypto";
import { CompactSign, exportSPKI, type JWTPayload } from "jose";
import { memberTemplateId, personalTenantId, roleTemplateIds } from "./directory.ts";
import type { IdTokenAlteration } from "./faults.ts";
import { issuerOf } from "./keys.ts";
import {
  type AccessGrant,
  type CodeGrant,
  type Grant,
  type Principal,
  type RefreshGrant,
  randomText,
  type Simulation,
} from "./simulation.ts";

/** "Typically expire after about 1 minute": Microsoft's authorization code flow page of 2026. */
const codeLifetimeSeconds = 60;

const refreshTokenLifetimeSeconds = 90 * 24 * 3600;

/** Microsoft picks a lifetime between 60 and 90 minutes at random. */
const accessTokenLifetime = { from: 3600, below: 5401 };

const isPersonal = ({ tenant }: Principal) => tenant.id === personalTenantId;

const after = (start: Date, seconds: number) => new Date(start.getTime() + seconds * 1000);

export const issueCode = (
  simulation: Simulation,
  grant: Omit<CodeGrant, "expiresAt" | "redeemed">,
): string => {
  const { state } = simulation;
  const code = isPersonal(grant.principal)
    ? `M.C546_BAY.2.U.${state.canary}${randomUUID()}`
    : `1.A${state.canary}${randomText(12)}.${randomText(600)}`;
  state.codes.set(code, {
    ...grant,
    expiresAt: after(simulation.now(), codeLifetimeSeconds),
    redeemed: false,
  });
  state.issued.codes.push(code);
  return code;
};

export const issueRefreshToken = (
  simulation: Simulation,
  grant: Omit<RefreshGrant, "expiresAt">,
): string => {
  const { state } = simulation;
  const token = isPersonal(grant.principal)
    ? `M.C546_BAY.0.U.-C${state.canary}${randomText(420).replaceAll("-", "*").replaceAll("_", "!")}$$`
    : `1.A${state.canary}${randomText(24)}.${randomText(900)}`;
  state.refreshTokens.set(token, {
    ...grant,
    expiresAt: after(simulation.now(), refreshTokenLifetimeSeconds),
  });
  state.issued.refreshTokens.push(token);
  return token;
};

/**
 * An access token that only looks like one: nobody but Graph may read it. Its middle is noise, so that
 * whoever parses it fails.
 */
export const issueAccessToken = (
  simulation: Simulation,
  grant: Omit<AccessGrant, "expiresAt">,
): { readonly token: string; readonly expiresIn: number } => {
  const { state } = simulation;
  const header = Buffer.from(
    JSON.stringify({ typ: "JWT", nonce: randomText(32), alg: "RS256", x5t: randomText(20) }),
  ).toString("base64url");
  const token = isPersonal(grant.principal)
    ? `EwB${state.canary}${randomBytes(1200).toString("base64")}`
    : `${header}.${state.canary}${randomText(1300)}.${randomText(256)}`;
  const expiresIn = randomInt(accessTokenLifetime.from, accessTokenLifetime.below);
  state.accessTokens.set(token, { ...grant, expiresAt: after(simulation.now(), expiresIn) });
  state.issued.accessTokens.push(token);
  return { token, expiresIn };
};

/** The opaque hint of the `login_hint` claim; whoever sends it back skips the account picker. */
const loginHintOf = ({ account }: Principal): string =>
  `O.${Buffer.from(account.username).toString("base64url")}`;

/** @returns the username behind an opaque hint, or the hint itself. */
export const readLoginHint = (hint: string): string =>
  hint.startsWith("O.") ? Buffer.from(hint.slice(2), "base64url").toString("utf8") : hint;

/** Names the account in its home tenant, also when it is a guest elsewhere. */
export const clientInfoOf = ({ account }: Principal): string =>
  Buffer.from(JSON.stringify({ uid: account.oid, utid: account.tenantId })).toString("base64url");

const idTokenClaims = (simulation: Simulation, grant: Grant): JWTPayload => {
  const { principal, scopes, nonce } = grant;
  const { account, tenant, oid, guest } = principal;
  const now = Math.floor(simulation.now().getTime() / 1000);
  const { clientId } = simulation.options;
  const profile = scopes.includes("profile");
  return {
    aud: clientId,
    iss: issuerOf(tenant.id),
    // Microsoft dates them five minutes back, so that a slow clock accepts them [unverified].
    iat: now - 300,
    nbf: now - 300,
    exp: now + 3600,
    sub: createHash("sha256").update(`${clientId}/${tenant.id}/${oid}`).digest("base64url"),
    ver: "2.0",
    uti: randomText(16),
    rh: `1.A${randomText(24)}.`,
    ...(nonce !== undefined && { nonce }),
    ...(profile && {
      tid: tenant.id,
      oid,
      name: account.displayName,
      preferred_username: account.username,
      login_hint: loginHintOf(principal),
    }),
    ...(scopes.includes("email") && { email: account.username }),
    ...(!isPersonal(principal) && {
      acct: guest ? 1 : 0,
      wids: guest ? [] : [...account.roles.map((role) => roleTemplateIds[role]), memberTemplateId],
    }),
  };
};

const without = (object: Readonly<Record<string, unknown>>, names: readonly string[] = []) =>
  Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name)));

const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

export const issueIdToken = async (
  simulation: Simulation,
  grant: Grant,
  alteration: IdTokenAlteration = {},
): Promise<string> => {
  const key = await simulation.keys.signing(grant.principal.tenant.id);
  const { signature } = alteration;
  const claims = without(
    { ...idTokenClaims(simulation, grant), ...alteration.claims },
    alteration.omitClaims,
  );
  const alg = signature === "none" ? "none" : signature === "hs256" ? "HS256" : "RS256";
  const header = without(
    { typ: "JWT", alg, kid: key.kid, ...alteration.header },
    alteration.omitHeader,
  );

  const sign = async (): Promise<string> => {
    if (signature === "none") return `${encoded(header)}.${encoded(claims)}.`;
    const signer =
      signature === "hs256"
        ? new TextEncoder().encode(await exportSPKI(key.publicKey))
        : signature === "foreign_key"
          ? (await simulation.keys.foreign()).privateKey
          : key.privateKey;
    return new CompactSign(new TextEncoder().encode(JSON.stringify(claims)))
      .setProtectedHeader({ ...header, alg })
      .sign(signer);
  };

  const token = await sign();
  simulation.state.issued.idTokens.push(token);
  return token;
};
