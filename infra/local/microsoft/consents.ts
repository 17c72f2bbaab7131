import { personalTenantId } from "./directory.ts";
import { isOpenIdScope, needsAdminAlways, needsAdminByDefault } from "./scopes.ts";
import type { Principal, Simulation } from "./simulation.ts";

const userKey = ({ tenant, oid }: Principal) => `${tenant.id}/${oid}`;

/**
 * Scopes that nobody has granted yet. As soon as anything is granted, so are those of OpenID Connect:
 * they are shown on every consent page. Whether Microsoft asks again for one that an earlier grant left
 * out is [unverified].
 *
 * @param at leaves out grants of administrators that have not spread by then
 */
const missingScopes = (
  { state }: Simulation,
  principal: Principal,
  scopes: readonly string[],
  at?: Date,
): readonly string[] => {
  const forAll = state.tenantConsents.get(principal.tenant.id);
  const spread = forAll && (at === undefined || forAll.effectiveAt <= at) ? forAll.scopes : [];
  const granted = new Set([...spread, ...(state.userConsents.get(userKey(principal)) ?? [])]);
  return scopes.filter(
    (scope) => !granted.has(scope) && !(granted.size > 0 && isOpenIdScope(scope)),
  );
};

/** As the token endpoint sees it: an administrator's fresh grant may not have spread to it yet. */
export const isConsented = (
  simulation: Simulation,
  principal: Principal,
  scopes: readonly string[],
): boolean => missingScopes(simulation, principal, scopes, simulation.now()).length === 0;

/** Everything granted that is not OpenID Connect's: work accounts get it with every token. */
export const grantedGraphScopes = (
  { state }: Simulation,
  principal: Principal,
): readonly string[] =>
  [
    ...new Set([
      ...(state.tenantConsents.get(principal.tenant.id)?.scopes ?? []),
      ...(state.userConsents.get(userKey(principal)) ?? []),
    ]),
  ].filter((scope) => !isOpenIdScope(scope));

export const canConsentForTenant = ({ account, guest }: Principal): boolean =>
  !guest && account.roles.length > 0;

/** Only Global Administrators are offered "Consent on behalf of your organization" when signing in. */
export const canConsentForTenantWhenSigningIn = ({ account, guest }: Principal): boolean =>
  !guest && account.roles.includes("global_administrator");

/**
 * What stands between a person and the code. With `prompt=consent` it is judged as if nothing were
 * granted, so that users get "Need admin approval" even after a tenant-wide consent.
 */
export const neededConsent = (
  simulation: Simulation,
  principal: Principal,
  scopes: readonly string[],
  prompt: string | undefined,
): "nothing" | "consent" | "admin_approval" => {
  const missing = prompt === "consent" ? scopes : missingScopes(simulation, principal, scopes);
  if (missing.length === 0) return "nothing";
  if (principal.tenant.id === personalTenantId || canConsentForTenant(principal)) return "consent";

  const { userConsent, assignmentRequired } = principal.tenant.policy;
  const blocked =
    userConsent === "none" ||
    assignmentRequired ||
    missing.some(userConsent === "recommended" ? needsAdminByDefault : needsAdminAlways);
  return blocked ? "admin_approval" : "consent";
};

export const grantForUser = (
  { state }: Simulation,
  principal: Principal,
  scopes: readonly string[],
): void => {
  const key = userKey(principal);
  state.userConsents.set(key, new Set([...(state.userConsents.get(key) ?? []), ...scopes]));
};

/**
 * A tenant-wide grant replaces the earlier one: "may revoke permissions that have already been granted
 * tenant-wide". That the check box on the sign-in page does the same is [unverified].
 */
export const grantForTenant = (
  simulation: Simulation,
  tenantId: string,
  scopes: readonly string[],
): void => {
  const { state } = simulation;
  state.tenantConsents.set(tenantId, {
    scopes: new Set(scopes),
    effectiveAt: new Date(simulation.now().getTime() + state.propagationSeconds * 1000),
  });
};

export const withdrawForUser = ({ state }: Simulation, principal: Principal): void => {
  state.userConsents.delete(userKey(principal));
};

/** Ends what the administrator granted, and what every user of the tenant granted for themselves. */
export const withdrawForTenant = ({ state }: Simulation, tenantId: string): void => {
  state.tenantConsents.delete(tenantId);
  for (const key of state.userConsents.keys())
    if (key.startsWith(`${tenantId}/`)) state.userConsents.delete(key);
};
