import * as z from "zod/mini";
import { personalAccountsTenant, type TenantId, tenantId } from "../../domain/ids.ts";
import type { MailDomain } from "../../domain/mail-address.ts";
import type { Tenants } from "../../domain/tenant-consent.ts";
import { boundedRequest, NoAnswer } from "../https/bounded-request.ts";

const lookUpMilliseconds = 3_000;
const largestAnswerBytes = 64 * 1024;

/** A domain changes its tenant once in years, if ever; what is not known is asked for again sooner. */
const rememberedSeconds = (found: Found): number => {
  if (found === "unavailable") return 5;
  return found === undefined ? 60 : 3600;
};
const rememberedDomains = 1_000;

type Found = Awaited<ReturnType<Tenants["ofDomain"]>>;

export interface TenantsSettings {
  /** Origin of the cloud's authority, in every issuer. */
  readonly authority: URL;
  readonly loginEndpoint: URL;
}

const metadata = z.object({ issuer: z.string() });

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/**
 * The tenant of a domain, from the metadata that Microsoft publishes under the domain's own name: its
 * `issuer` names the tenant that has proved to own the domain.
 *
 * @see https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc#find-your-apps-openid-configuration-document-uri
 */
export const microsoftTenants = (
  { authority, loginEndpoint }: TenantsSettings,
  now: () => Date,
): Tenants => {
  const remembered = new Map<MailDomain, { tenant: Found; until: number }>();

  const tenantOf = (issuer: string): TenantId | undefined => {
    const named = URL.canParse(issuer) ? new URL(issuer) : undefined;
    const [, guid] = /^\/([0-9a-f-]{36})\/v2\.0$/i.exec(named?.pathname ?? "") ?? [];
    if (!guid || named?.origin !== authority.origin) return undefined;
    // Personal accounts are nobody's organisation.
    return tenantId(guid) === personalAccountsTenant ? undefined : tenantId(guid);
  };

  const lookUp = async (domain: MailDomain): Promise<Found> => {
    try {
      const { status, body } = await boundedRequest(
        {
          method: "GET",
          url: new URL(`/${domain}/v2.0/.well-known/openid-configuration`, loginEndpoint),
          headers: { accept: "application/json" },
        },
        {
          milliseconds: lookUpMilliseconds,
          largestAnswerBytes,
          origin: loginEndpoint.origin,
        },
      );
      // `invalid_tenant`: Microsoft knows no tenant of that name.
      if (status === 400 || status === 404) return undefined;
      const read = metadata.safeParse(parseJson(body));
      return status === 200 && read.success ? tenantOf(read.data.issuer) : "unavailable";
    } catch (error) {
      if (error instanceof NoAnswer) return "unavailable";
      throw error;
    }
  };

  return {
    async ofDomain(domain) {
      const known = remembered.get(domain);
      if (known && known.until > now().getTime()) return known.tenant;
      const tenant = await lookUp(domain);
      // The oldest goes first: a Map keeps the order in which its keys came.
      remembered.delete(domain);
      remembered.set(domain, { tenant, until: now().getTime() + rememberedSeconds(tenant) * 1000 });
      const [oldest] = remembered.keys();
      if (remembered.size > rememberedDomains && oldest) remembered.delete(oldest);
      return tenant;
    },
  };
};
