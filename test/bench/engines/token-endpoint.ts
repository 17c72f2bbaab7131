import { randomBytes } from "node:crypto";
import type { RequestListener } from "node:http";
import { text } from "node:stream/consumers";
import { requestedScopes } from "../../../shared/domain/permissions.ts";
import { tokenLifetimeSeconds } from "./messages.ts";

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");

/** As long as Microsoft's: a mail token has some 1.7 KB, a refresh token some 1.2 KB. */
const accessToken = (): string =>
  `${part({ typ: "JWT", alg: "RS256" })}.${randomBytes(1_000).toString("base64url")}.${randomBytes(256).toString("base64url")}`;

/** Whose token it is stands in the refresh token, as far as this endpoint knows it. */
export const refreshTokenOf = (tenant: string, objectId: string): string =>
  `1.${tenant}.${objectId}.${randomBytes(850).toString("base64url")}`;

/** The answer to a refresh, with everything that msal and our own checks look at. */
export const tokenAnswer = (
  tenant: string,
  objectId: string,
  clientId: string,
  lifetimeSeconds = tokenLifetimeSeconds,
) => {
  const now = Math.floor(Date.now() / 1000);
  const idToken = [
    part({ typ: "JWT", alg: "RS256", kid: "bench" }),
    part({
      ver: "2.0",
      iss: `https://login.microsoftonline.com/${tenant}/v2.0`,
      sub: objectId,
      aud: clientId,
      iat: now,
      nbf: now,
      exp: now + lifetimeSeconds,
      tid: tenant,
      oid: objectId,
      name: "Bench Person",
      preferred_username: "bench@larkfield.example",
    }),
    randomBytes(256).toString("base64url"),
  ].join(".");
  return {
    token_type: "Bearer",
    scope: requestedScopes.join(" "),
    expires_in: lifetimeSeconds,
    ext_expires_in: lifetimeSeconds,
    access_token: accessToken(),
    refresh_token: refreshTokenOf(tenant, objectId),
    id_token: idToken,
    client_info: part({ uid: objectId, utid: tenant }),
  };
};

/** Microsoft's token endpoint as far as a refresh goes: it answers any of its own refresh tokens after its time. */
export const tokenEndpoint =
  (milliseconds: () => number): RequestListener =>
  async (request, response) => {
    const form = new URLSearchParams(await text(request));
    const [, tenant = "", objectId = ""] = form.get("refresh_token")?.split(".") ?? [];
    setTimeout(() => {
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify(tokenAnswer(tenant, objectId, form.get("client_id") ?? "")));
    }, milliseconds());
  };
