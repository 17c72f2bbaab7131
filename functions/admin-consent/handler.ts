import { plainName, plainWorkspaceName } from "../../shared/domain/consent-request.ts";
import { graphScopes, permissionReasons } from "../../shared/domain/permissions.ts";
import { Secret } from "../../shared/domain/secret.ts";
import { periodInWords } from "../../shared/domain/sign-in-frequency.ts";
import { oneTimeValue } from "../../shared/http/api-ids.ts";
import { type EndpointHandler, endpoint } from "../../shared/http/endpoint.ts";
import { page } from "../../shared/http/response.ts";
import { day } from "../../shared/mails/day.ts";
import {
  approvalDone,
  approvalExpiredPage,
  approvalReplacedPage,
  approvalUnavailablePage,
  approvalUnknownPage,
} from "../../shared/pages/approval-outcome.ts";
import { approvalRequestPage } from "../../shared/pages/approval-request.ts";
import { consentCommands } from "./consent-commands.ts";
import { type ShowRequestPorts, showRequest } from "./show-request.ts";

export interface AdminConsentSettings {
  readonly MICROSOFT_CLIENT_ID: string;
  readonly SUPPORT_EMAIL: string;
}

const inWords = (seconds: number | undefined): string | undefined =>
  seconds === undefined ? undefined : periodInWords(seconds);

/** GET /admin-consent/{token}: what an administrator opens. */
export const adminConsentHandler = (
  { MICROSOFT_CLIENT_ID, SUPPORT_EMAIL }: AdminConsentSettings,
  ports: ShowRequestPorts,
): EndpointHandler =>
  endpoint(
    async (request) => {
      const token = oneTimeValue.safeParse(request.pathParameters.token);
      const link = token.success
        ? await showRequest(new Secret(token.data), ports)
        : ({ kind: "unknown" } as const);
      switch (link.kind) {
        case "open": {
          const { requester, organisation, expiresAt } = link.request;
          const tenant = organisation.kind === "tenant" ? organisation.tenantId : undefined;
          return page(
            200,
            approvalRequestPage({
              requester: {
                email: requester.email,
                name: plainName(requester.name),
                workspaceName: plainWorkspaceName(requester.workspaceName),
              },
              others: link.others,
              isReported: link.isReported,
              permissions: graphScopes.map((scope) => ({ scope, ...permissionReasons[scope] })),
              consentUrl: link.consentUrl.href,
              signInAgainEvery: inWords(link.signInFrequencySeconds),
              until: day(expiresAt),
              supportEmail: SUPPORT_EMAIL,
              applicationId: MICROSOFT_CLIENT_ID,
              tenantId: tenant,
              commands: consentCommands(MICROSOFT_CLIENT_ID, tenant),
            }),
          );
        }
        case "approved":
          return page(200, approvalDone(inWords(link.signInFrequencySeconds)));
        case "expired":
          return page(410, approvalExpiredPage);
        case "replaced":
          return page(410, approvalReplacedPage);
        case "unknown":
          return page(404, approvalUnknownPage);
        default:
          return link satisfies never;
      }
    },
    () => page(503, approvalUnavailablePage),
  );
