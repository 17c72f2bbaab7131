import { expect, it } from "vitest";
import { adminConsentUrl } from "../../../../shared/adapters/microsoft/admin-consent-url.ts";
import type { TenantId } from "../../../../shared/domain/ids.ts";
import { Secret } from "../../../../shared/domain/secret.ts";
import { account } from "../../../fakes/samples.ts";

const urlOf = (tenant: TenantId | undefined) =>
  adminConsentUrl({
    loginEndpoint: new URL("https://login.microsoftonline.com"),
    clientId: "the-client",
    redirectUri: new URL("https://api.example/admin-consent-callback"),
  })({ tenant, state: new Secret("the-state") });

it("asks the tenant for all permissions at once, those of OpenID Connect too", () => {
  const url = urlOf(account.tenantId);

  expect(url.origin).toBe("https://login.microsoftonline.com");
  expect(url.pathname).toBe(`/${account.tenantId}/v2.0/adminconsent`);
  expect(Object.fromEntries(url.searchParams)).toEqual({
    client_id: "the-client",
    redirect_uri: "https://api.example/admin-consent-callback",
    scope: "openid profile email offline_access User.Read Mail.ReadWrite Mail.Send",
    state: "the-state",
  });
});

it("asks the tenant of whoever signs in when none is known, and personal accounts never", () => {
  expect(urlOf(undefined).pathname).toBe("/organizations/v2.0/adminconsent");
});
