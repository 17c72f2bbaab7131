import { X509Certificate } from "node:crypto";
import {
  createRemoteJWKSet,
  decodeJwt,
  decodeProtectedHeader,
  errors,
  type JWTPayload,
  jwtVerify,
} from "jose";
import * as z from "zod/mini";
import { type KnownCode, type Refusal, refusal } from "./aadsts.ts";
import type { HttpRequest } from "./http-exchange.ts";
import type { Simulation } from "./simulation.ts";

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/** Clocks differ. How much Microsoft allows is [unverified]. */
const clockToleranceSeconds = 300;

interface Presented {
  readonly clientId: string | undefined;
  readonly secret: string | undefined;
}

/** Form-urlencoded inside Basic. RFC 6749 §2.3.1 */
const formDecoded = (text: string) => decodeURIComponent(text.replaceAll("+", " "));

const presented = ({ headers, form }: HttpRequest): Presented => {
  const basic = /^Basic (.+)$/i.exec(headers.authorization ?? "")?.[1];
  if (basic !== undefined) {
    const [id, ...secret] = Buffer.from(basic, "base64").toString("utf8").split(":");
    return { clientId: formDecoded(id ?? ""), secret: formDecoded(secret.join(":")) };
  }
  return {
    clientId: form.get("client_id") ?? undefined,
    secret: form.get("client_secret") ?? undefined,
  };
};

/** Why an assertion whose signature is looked at does not hold. */
const refusalOf = (error: unknown): KnownCode =>
  error instanceof errors.JWTExpired ||
  (error instanceof errors.JWTClaimValidationFailed && error.claim === "nbf")
    ? 700024
    : 700027;

/**
 * A JWT signed by the key of a registered certificate, for this client and this endpoint. RFC 7523 §3
 * The audience may name Microsoft's host or this simulator's; only its path is compared.
 *
 * @see https://learn.microsoft.com/entra/identity-platform/certificate-credentials
 */
const refuseOwnAssertion = async (
  simulation: Simulation,
  { url }: HttpRequest,
  assertion: string,
): Promise<KnownCode | undefined> => {
  const { clientId } = simulation.options;
  const { "x5t#S256": thumbprint } = decodeProtectedHeader(assertion);
  const registered = simulation.state.clientCertificates
    .map((pem) => new X509Certificate(pem))
    .find(
      ({ fingerprint256 }) =>
        Buffer.from(fingerprint256.replaceAll(":", ""), "hex").toString("base64url") === thumbprint,
    );
  if (!registered) return 700027;
  const now = simulation.now();
  if (now < registered.validFromDate || now > registered.validToDate) return 700027;
  try {
    const { payload } = await jwtVerify(assertion, registered.publicKey, {
      algorithms: ["PS256", "RS256"],
      currentDate: now,
      clockTolerance: clockToleranceSeconds,
      requiredClaims: ["exp", "jti", "aud", "iss", "sub"],
    });
    if (payload.iss !== clientId || payload.sub !== clientId) return 700021;
    const isForHere = [payload.aud].flat().some((audience) => audience?.endsWith(url.pathname));
    return isForHere ? undefined : 700023;
  } catch (error) {
    return refusalOf(error);
  }
};

const discovery = z.object({ issuer: z.string(), jwks_uri: z.string() });

/** Microsoft reads the keys of an issuer that is registered, and of no other. */
const keysOf = async (issuer: string) => {
  const found = await fetch(new URL(`${issuer}/.well-known/openid-configuration`));
  return createRemoteJWKSet(new URL(discovery.parse(await found.json()).jwks_uri));
};

/**
 * A JWT of another issuer whose issuer, subject and audience are registered to the letter, with regard to case.
 *
 * @see https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations
 */
const refuseForeignAssertion = async (
  simulation: Simulation,
  assertion: string,
  { iss = "", sub, aud }: JWTPayload,
): Promise<KnownCode | undefined> => {
  const { state, options } = simulation;
  const registered = state.federatedCredentials ?? options.federatedCredentials?.() ?? [];
  const ofIssuer = registered.filter(({ issuer }) => issuer === iss);
  if (ofIssuer.length === 0) return 700211;
  const found = ofIssuer.find(({ subject }) => subject === sub);
  if (!found) return 700213;
  if (aud !== found.audience) return 700212;
  if (found.knownFrom && simulation.now() < found.knownFrom) return 70021;
  try {
    await jwtVerify(assertion, await keysOf(iss), {
      algorithms: ["RS256"],
      currentDate: simulation.now(),
      clockTolerance: clockToleranceSeconds,
      requiredClaims: ["exp"],
    });
    return undefined;
  } catch (error) {
    return refusalOf(error);
  }
};

const refuseAssertion = async (
  simulation: Simulation,
  request: HttpRequest,
): Promise<KnownCode | undefined> => {
  const assertion = request.form.get("client_assertion") ?? "";
  try {
    const claims = decodeJwt(assertion);
    if (claims.iss === undefined) return 700027;
    return claims.iss === simulation.options.clientId
      ? await refuseOwnAssertion(simulation, request, assertion)
      : await refuseForeignAssertion(simulation, assertion, claims);
  } catch {
    return 700027;
  }
};

/** @returns why the app itself is refused, or `undefined` if it is who it says. */
export const refuseClient = async (
  simulation: Simulation,
  request: HttpRequest,
): Promise<Refusal | undefined> => {
  const { clientId, secret } = presented(request);
  if (clientId === undefined)
    return refusal(900144, {
      text: "The request body must contain the following parameter: 'client_id'.",
    });
  if (clientId !== simulation.options.clientId) return refusal(700016);

  if (request.form.get("client_assertion_type") === assertionType) {
    const refused = await refuseAssertion(simulation, request);
    return refused && refusal(refused);
  }
  if (secret === undefined) return refusal(7000218);
  const known = simulation.state.clientSecrets.get(secret);
  if (!known) return refusal(7000215);
  const hasEnded = known.expiresAt !== undefined && simulation.now() >= known.expiresAt;
  return known.expired || hasEnded ? refusal(7000222) : undefined;
};
