import { usedUntil } from "../../domain/access-token.ts";
import type { CodeRedemption, MicrosoftIdentity } from "../../domain/microsoft.ts";
import { identityScopes } from "../../domain/permissions.ts";
import { fail, succeed } from "../../domain/result.ts";
import { Secret } from "../../domain/secret.ts";
import type { VerifyIdToken } from "../jose/id-token.ts";
import { classifyRefusal } from "./failure-table.ts";
import type { Exchange } from "./msal-exchange.ts";

export interface RedeemCodeParts {
  readonly exchange: Exchange;
  readonly verifyIdToken: VerifyIdToken;
  /** The one that the authorization request named. RFC 6749 §4.1.3 */
  readonly redirectUri: URL;
  readonly now: () => Date;
}

/** Sends the code once, asking for these scopes, and checks who it was given to. */
const redeemWith = async (
  { exchange, verifyIdToken, redirectUri }: RedeemCodeParts,
  { authority, code, codeVerifier, nonce }: CodeRedemption,
  requested: readonly string[],
) => {
  const outcome = await exchange(authority, (client) =>
    client.acquireTokenByCode({
      code: code.reveal(),
      codeVerifier: codeVerifier.reveal(),
      nonce: nonce.reveal(),
      scopes: [...requested],
      redirectUri: redirectUri.href,
    }),
  );
  if (outcome.kind !== "answered") {
    return fail(
      classifyRefusal({
        ...outcome.refusal,
        personalAccount: authority === "consumers",
        grantIsFromBrowser: true,
      }),
    );
  }
  const { answer } = outcome;
  if (!answer.idToken) return fail({ kind: "id_token_rejected", check: "missing" } as const);
  const identity = await verifyIdToken(new Secret(answer.idToken), nonce);
  if (identity.ok) return succeed({ identity: identity.value, answer });
  const { failure } = identity;
  if (failure.kind === "id_token_rejected") return fail(failure);
  return fail(classifyRefusal({ evidence: { error: failure.kind, errorCodes: [] } }));
};

export const msalRedeemCode =
  (parts: RedeemCodeParts): MicrosoftIdentity["redeemCode"] =>
  async (redemption) => {
    const askedAt = parts.now();
    const redeemed = await redeemWith(parts, redemption, redemption.scopes);
    if (!redeemed.ok) return redeemed;
    const { identity, answer } = redeemed.value;
    const { accessToken, refreshToken, scopes, lifetimeSeconds } = answer;
    if (!accessToken) return fail({ kind: "grant_incomplete", missing: "access_token" });
    if (!refreshToken) return fail({ kind: "grant_incomplete", missing: "refresh_token" });
    if (lifetimeSeconds === undefined) return fail({ kind: "grant_incomplete", missing: "expiry" });
    return succeed({
      ...identity,
      accessToken: new Secret(accessToken),
      accessTokenExpiresAt: usedUntil(askedAt, lifetimeSeconds),
      refreshToken: new Secret(refreshToken),
      // Left out, it is what was asked for. RFC 6749 §5.1
      scopes: scopes ?? redemption.scopes,
    });
  };

export const msalProveIdentity =
  (parts: RedeemCodeParts): MicrosoftIdentity["proveIdentity"] =>
  async (redemption) => {
    const redeemed = await redeemWith(parts, redemption, identityScopes);
    return redeemed.ok ? succeed(redeemed.value.identity) : redeemed;
  };
