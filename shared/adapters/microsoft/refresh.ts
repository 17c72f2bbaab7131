import { decodeJwt } from "jose";
import * as z from "zod/mini";
import { usedUntil } from "../../domain/access-token.ts";
import { type AccountKey, objectId, personalAccountsTenant, tenantId } from "../../domain/ids.ts";
import type { MicrosoftIdentity } from "../../domain/microsoft.ts";
import { fail, succeed } from "../../domain/result.ts";
import { Secret } from "../../domain/secret.ts";
import { classifyRefusal } from "./failure-table.ts";
import type { Exchange } from "./msal-exchange.ts";

export interface RefreshParts {
  readonly exchange: Exchange;
  readonly now: () => Date;
}

const namedAccount = z.object({ tid: z.guid(), oid: z.guid() });

/**
 * The answer came over TLS from Microsoft, so its ID token needs no signature check to notice an answer that
 * is for somebody else. OpenID Connect Core §12.2
 */
const isForAnother = (idToken: string | undefined, account: AccountKey): boolean => {
  if (idToken === undefined) return false;
  try {
    const { tid, oid } = namedAccount.parse(decodeJwt(idToken));
    return tenantId(tid) !== account.tenantId || objectId(oid) !== account.objectId;
  } catch {
    return true;
  }
};

export const msalRefresh =
  ({ exchange, now }: RefreshParts): MicrosoftIdentity["refresh"] =>
  async ({ refreshToken, account, scopes, until }) => {
    const askedAt = now();
    const personalAccount = account.tenantId === personalAccountsTenant;
    const outcome = await exchange(
      personalAccount ? "consumers" : account.tenantId,
      (client) =>
        client.acquireTokenByRefreshToken({
          refreshToken: refreshToken.reveal(),
          scopes: [...scopes],
        }),
      until,
    );
    if (outcome.kind !== "answered") {
      return fail(classifyRefusal({ ...outcome.refusal, personalAccount }));
    }
    const { answer } = outcome;
    const unusable = (error: string) =>
      fail(classifyRefusal({ evidence: { error, errorCodes: [] }, personalAccount }));
    if (isForAnother(answer.idToken, account)) return unusable("answer_for_another_account");
    if (!answer.accessToken || answer.lifetimeSeconds === undefined) {
      return unusable("incomplete_answer");
    }
    return succeed({
      accessToken: new Secret(answer.accessToken),
      accessTokenExpiresAt: usedUntil(askedAt, answer.lifetimeSeconds),
      refreshToken: answer.refreshToken === undefined ? undefined : new Secret(answer.refreshToken),
      scopes: answer.scopes ?? [],
    });
  };
