import { createServer } from "node:http";
import { type CryptoKey, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose";
import { listen, stopListening } from "../../../../infra/local/gateway/listen.ts";

/** An identity provider with one RSA key, found by discovery. */
export const startIdentityProvider = async () => {
  const { privateKey, publicKey } = await generateKeyPair("RS256");
  const jwk = { ...(await exportJWK(publicKey)), kid: "one", alg: "RS256" };
  const server = createServer((request, response) => {
    const document =
      request.url === "/.well-known/openid-configuration"
        ? { issuer: origin, jwks_uri: `${origin}/keys` }
        : { keys: [jwk] };
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(document));
  });
  const origin = await listen(server);

  return {
    issuer: origin,
    /** A token for an hour and, without a `client_id`, for the audience `appse`; `claims` may say otherwise. */
    token: (claims: JWTPayload = {}, key: CryptoKey = privateKey) =>
      new SignJWT({
        iss: origin,
        sub: "ada",
        ...(claims.client_id ? {} : { aud: "appse" }),
        ...claims,
      })
        .setProtectedHeader({ alg: "RS256", kid: "one" })
        .setExpirationTime(claims.exp ?? "1h")
        .sign(key),
    close: () => stopListening(server),
  };
};
