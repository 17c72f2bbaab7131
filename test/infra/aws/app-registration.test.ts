import { readFile } from "node:fs/promises";
import { beforeAll, describe, expect, it } from "vitest";
import * as z from "zod/mini";
import { newSimulation } from "../../../infra/local/microsoft/simulation.ts";
import { tokenExchangeAudience } from "../../../shared/adapters/sts/web-identity-token.ts";
import { requestedScopes } from "../../../shared/domain/permissions.ts";

/** https://learn.microsoft.com/graph/permissions-reference */
const delegatedPermissions: Readonly<Record<string, string>> = {
  openid: "37f7f235-527c-4136-accd-4a02d197296e",
  profile: "14dad69e-099b-42c9-810b-d002981feec1",
  email: "64a6cdd6-aab1-4aaf-94b8-3cc8405e90d0",
  offline_access: "7427e0e9-2fba-42fe-b0c0-848c9e6a8182",
  "User.Read": "e1fe6dd8-ba31-4d61-89e7-88639da4683d",
  "Mail.ReadWrite": "024d486e-b451-40bb-833d-3e66d98c5c73",
  "Mail.Send": "e383f46e-2787-4529-855e-0e479a3ffac0",
};

const manifestSchema = z.looseObject({
  displayName: z.string(),
  web: z.object({
    redirectUris: z.array(z.string()),
    implicitGrantSettings: z.record(z.string(), z.boolean()),
  }),
  requiredResourceAccess: z.array(
    z.object({
      resourceAppId: z.string(),
      resourceAccess: z.array(z.object({ id: z.string(), type: z.string() })),
    }),
  ),
});

it("a federated credential trusts one role of one AWS account, for the audience that the functions ask for", async () => {
  const file = new URL(
    "../../../infra/aws/app-registration/federated-credential.json",
    import.meta.url,
  );

  expect(JSON.parse(await readFile(file, "utf8"))).toEqual({
    name: "{{Name}}",
    description: expect.any(String),
    issuer: "{{Issuer}}",
    subject: "{{Subject}}",
    audiences: [tokenExchangeAudience],
  });
});

describe("the app registration", () => {
  let manifest: z.infer<typeof manifestSchema>;
  beforeAll(async () => {
    const file = new URL("../../../infra/aws/app-registration/manifest.json", import.meta.url);
    manifest = manifestSchema.parse(JSON.parse(await readFile(file, "utf8")));
  });

  it("has the name people know, here as at the simulator", () => {
    const { appName } = newSimulation({
      clock: { now: () => new Date() },
      clientId: "app",
      clientSecrets: [],
      redirectUris: [],
    });

    expect(manifest.displayName).toBe("Appse AI");
    expect(appName).toBe(manifest.displayName);
  });

  it("declares each permission that is requested, delegated, and no other", () => {
    expect(manifest.requiredResourceAccess).toEqual([
      {
        resourceAppId: "00000003-0000-0000-c000-000000000000",
        resourceAccess: requestedScopes.map((scope) => ({
          id: delegatedPermissions[scope],
          type: "Scope",
        })),
      },
    ]);
  });

  it("redirects to the stack's own two addresses and nowhere else", () => {
    expect(manifest.web.redirectUris).toEqual(["{{RedirectUri}}", "{{AdminConsentRedirectUri}}"]);
  });

  it("gives no token to a browser", () => {
    expect(manifest.web.implicitGrantSettings).toEqual({
      enableAccessTokenIssuance: false,
      enableIdTokenIssuance: false,
    });
  });

  it("keeps others from adding credentials to it in their tenants", () => {
    expect(manifest).toMatchObject({
      servicePrincipalLockConfiguration: { isEnabled: true, allProperties: true },
    });
  });
});
