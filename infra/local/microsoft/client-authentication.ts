import { createPublicKey } from "node:crypto";
import { jwtVerify } from "jose";
import { type Refusal, refusal } from "./aadsts.ts";
import type { HttpRequest } from "./http-exchange.ts";
import type { Simulation } from "./simulation.ts";

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

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

/**
 * A JWT signed with a registered certificate, for this client and this endpoint. RFC 7523 §3
 * The audience may name Microsoft's host or this simulator's; only its path is compared.
 */
const isGenuine = async (simulation: Simulation, { url, form }: HttpRequest): Promise<boolean> => {
  const { clientId, clientCertificates = [] } = simulation.options;
  for (const pem of clientCertificates) {
    try {
      const { payload } = await jwtVerify(
        form.get("client_assertion") ?? "",
        createPublicKey(pem),
        {
          algorithms: ["PS256", "RS256"],
          issuer: clientId,
          subject: clientId,
          currentDate: simulation.now(),
          requiredClaims: ["exp", "jti", "aud"],
        },
      );
      const audiences = [payload.aud].flat();
      if (audiences.some((audience) => audience?.endsWith(url.pathname))) return true;
    } catch {
      // Signed by another certificate, or not at all: the next one may fit.
    }
  }
  return false;
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

  if (request.form.get("client_assertion_type") === assertionType)
    return (await isGenuine(simulation, request)) ? undefined : refusal(700027);
  if (secret === undefined) return refusal(7000218);
  const known = simulation.state.clientSecrets.get(secret);
  if (!known) return refusal(7000215);
  return known.expired ? refusal(7000222) : undefined;
};
