import { consentCommands } from "../../functions/admin-consent/consent-commands.ts";
import { adminConsentUrl } from "../../shared/adapters/microsoft/admin-consent-url.ts";
import type { TenantId } from "../../shared/domain/ids.ts";
import { graphScopes, permissionReasons } from "../../shared/domain/permissions.ts";
import { Secret } from "../../shared/domain/secret.ts";
import type { ApprovalRequestView } from "../../shared/pages/approval-request.ts";
import { account } from "./samples.ts";

const applicationId = "c1e27000-0000-4000-8000-00000000a001";

/** As the handler makes it, of an organisation whose tenant is known or not. */
const approval = (tenant: TenantId | undefined): Omit<ApprovalRequestView, "requester"> => ({
  others: { people: 0, areMore: false },
  isReported: false,
  permissions: graphScopes.map((scope) => ({ scope, ...permissionReasons[scope] })),
  consentUrl: adminConsentUrl({
    loginEndpoint: new URL("https://login.microsoftonline.com"),
    clientId: applicationId,
    redirectUri: new URL("https://api.example/admin-consent-callback"),
  })({ tenant, state: new Secret("s".repeat(43)) }).href,
  signInAgainEvery: undefined,
  until: "8 March 2026",
  supportEmail: "support@appse.example",
  applicationId,
  tenantId: tenant,
  commands: consentCommands(applicationId, tenant),
});

/** Nothing is known but an address. */
export const loneApproval: ApprovalRequestView = {
  ...approval(undefined),
  requester: { email: "alice@north.example", name: undefined, workspaceName: undefined },
};

/** All that there can be, as long as it can be. */
export const crowdedApproval: ApprovalRequestView = {
  ...approval(account.tenantId),
  signInAgainEvery: "8 days",
  requester: {
    email: `${"alexandra.maximiliana".repeat(3)}@${"north-".repeat(9)}and-south.example`,
    name: "Alexandra Maximiliana Fitzwilliam-Montgomery of Northumberl",
    workspaceName: "North, South & Partners (Holding) Grundstücksverwaltungsges",
  },
  others: { people: 20, areMore: true },
  isReported: true,
};
