import type { MicrosoftIdentity } from "../../domain/microsoft.ts";
import { requestedScopes } from "../../domain/permissions.ts";
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

export const msalRedeemCode =
  ({
    exchange,
    verifyIdToken,
    redirectUri,
    now,
  }: RedeemCodeParts): MicrosoftIdentity["redeemCode"] =>
  async ({ authority, code, codeVerifier, nonce }) => {
    const outcome = await exchange(authority, (client) =>
      client.acquireTokenByCode({
        code: code.reveal(),
        codeVerifier: codeVerifier.reveal(),
        nonce: nonce.reveal(),
        scopes: [...requestedScopes],
        redirectUri: redirectUri.href,
      }),
    );
    if (outcome.kind !== "answered") {
      return fail(
        classifyRefusal({ ...outcome.refusal, personalAccount: authority === "consumers" }),
      );
    }

    const { accessToken, refreshToken, idToken, scopes, lifetimeSeconds } = outcome.answer;
    if (!idToken) return fail({ kind: "id_token_rejected", check: "missing" });
    const identity = await verifyIdToken(new Secret(idToken), nonce);
    if (!identity.ok) {
      const { failure } = identity;
      if (failure.kind === "id_token_rejected") return fail(failure);
      return fail(classifyRefusal({ evidence: { error: failure.kind, errorCodes: [] } }));
    }
    if (!accessToken) return fail({ kind: "grant_incomplete", missing: "access_token" });
    if (!refreshToken) return fail({ kind: "grant_incomplete", missing: "refresh_token" });
    if (lifetimeSeconds === undefined) return fail({ kind: "grant_incomplete", missing: "expiry" });
    return succeed({
      ...identity.value,
      accessToken: new Secret(accessToken),
      accessTokenExpiresAt: new Date(now().getTime() + lifetimeSeconds * 1000),
      refreshToken: new Secret(refreshToken),
      // Left out, it is what was asked for. RFC 6749 §5.1
      scopes: scopes ?? requestedScopes,
    });
  };
