import { graphScopes, openIdScopes } from "../../shared/domain/permissions.ts";

/** Microsoft Graph's own app id, the same everywhere. */
const graphAppId = "00000003-0000-0000-c000-000000000000";

/**
 * The approval as commands, for administrators who approve nothing in a browser.
 *
 * @see https://learn.microsoft.com/entra/identity/enterprise-apps/grant-admin-consent
 */
export const consentCommands = (clientId: string, tenant: string | undefined) => {
  const scope = [...openIdScopes, ...graphScopes].join(" ");
  const atTenant = tenant === undefined ? "" : ` -TenantId ${tenant}`;
  return {
    powerShell: `Connect-MgGraph${atTenant} -Scopes "Application.ReadWrite.All", "DelegatedPermissionGrant.ReadWrite.All"
$app = Get-MgServicePrincipal -Filter "appId eq '${clientId}'"
if (-not $app) { $app = New-MgServicePrincipal -AppId ${clientId} }
$graph = Get-MgServicePrincipal -Filter "appId eq '${graphAppId}'"
New-MgOauth2PermissionGrant -ClientId $app.Id -ResourceId $graph.Id -ConsentType AllPrincipals -Scope "${scope}"`,
    azureCli: `az login${tenant === undefined ? "" : ` --tenant ${tenant}`} --allow-no-subscriptions
az ad sp create --id ${clientId}    # unless it is there
az ad app permission grant --id ${clientId} --api ${graphAppId} --scope "${scope}"`,
  };
};
