import { HttpMethod } from "aws-cdk-lib/aws-apigatewayv2";
import { Schedule } from "aws-cdk-lib/aws-events";
import { Duration } from "aws-cdk-lib/core";
import type { AdminConsentEnv } from "../../../functions/admin-consent/env.ts";
import type { AdminConsentCallbackEnv } from "../../../functions/admin-consent-callback/env.ts";
import type { AdminConsentRequestEnv } from "../../../functions/admin-consent-request/env.ts";
import type { ApprovalStatusEnv } from "../../../functions/approval-status/env.ts";
import type { MailEventsEnv } from "../../../functions/mail-events/env.ts";
import type { ResumeWaitingEnv } from "../../../functions/resume-waiting/env.ts";
import { byNotice } from "../data-stack.ts";
import { adminConsentCallbackPath, microsoftsBrowsers } from "./microsoft-redirects.ts";
import type { ServiceContext } from "./service-context.ts";

const defineAdminConsentRequest = (context: ServiceContext) => {
  const { api, data, mail, settings } = context;
  const adminConsentRequest = context.define("AdminConsentRequest", {
    name: "admin-consent-request",
    description: "POST /admin-consent-requests: asks an administrator to approve",
    timeoutSeconds: 20,
    environment: {
      ...settings.allowedOrigins,
      ...settings.apiUrl,
      ...settings.attempts,
      ...settings.microsoft,
      ...settings.connections,
      ...settings.mail,
      ...settings.productPerson,
      ...settings.returnPages,
      ...settings.support,
      ...settings.tenantConsents,
      ...settings.signInKeys,
    } satisfies AdminConsentRequestEnv,
  });
  api.route(HttpMethod.POST, "/admin-consent-requests", adminConsentRequest);
  data.attempts.grant(adminConsentRequest, "dynamodb:GetItem");
  data.connections.grant(adminConsentRequest, "dynamodb:GetItem");
  data.tenantConsents.grant(
    adminConsentRequest,
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:UpdateItem",
  );
  data.signInKeys.grantRead(adminConsentRequest);
  mail.grantSend(adminConsentRequest);
  return adminConsentRequest;
};

const defineApprovalStatus = (context: ServiceContext) => {
  const { api, data, settings } = context;
  const approvalStatus = context.define("ApprovalStatus", {
    name: "approval-status",
    description: "GET /admin-consent-requests: tells a waiting page how an approval stands",
    timeoutSeconds: 10,
    environment: {
      ...settings.microsoft,
      ...settings.connections,
      ...settings.productPerson,
      ...settings.tenantConsents,
    } satisfies ApprovalStatusEnv,
  });
  api.route(HttpMethod.GET, "/admin-consent-requests", approvalStatus);
  data.connections.grant(approvalStatus, "dynamodb:GetItem");
  data.tenantConsents.grant(approvalStatus, "dynamodb:GetItem");
  return approvalStatus;
};

const defineAdminConsent = (context: ServiceContext) => {
  const { api, data, settings, stage } = context;
  const adminConsent = context.define("AdminConsent", {
    name: "admin-consent",
    description: "GET /admin-consent/{token}: shows an administrator what they are asked for",
    timeoutSeconds: 10,
    environment: {
      ...settings.adminConsentRedirect,
      ...settings.microsoft,
      ...settings.support,
      ...settings.tenantConsents,
    } satisfies AdminConsentEnv,
    reservedConcurrency: stage.reservedConcurrency.adminConsent,
  });
  api.publicRoute(
    HttpMethod.GET,
    "/admin-consent/{token}",
    adminConsent,
    stage.throttling.callback,
    "is what an administrator opens who need not be a user of the product; it shows a request to whoever holds its link, and changes nothing.",
  );
  data.tenantConsents.grant(adminConsent, "dynamodb:GetItem", "dynamodb:Query");
  return adminConsent;
};

const defineAdminConsentCallback = (context: ServiceContext) => {
  const { api, appCredential, data, settings, stage } = context;
  const adminConsentCallback = context.define("AdminConsentCallback", {
    name: "admin-consent-callback",
    description: "Records what an administrator decided at Microsoft, and proves who it was",
    timeoutSeconds: 26,
    environment: {
      ...settings.adminConsentRedirect,
      ...settings.attempts,
      ...settings.microsoft,
      ...settings.clientCredential,
      ...settings.redirect,
      ...settings.returnPages,
      ...settings.tenantConsents,
      ...settings.signInKeys,
    } satisfies AdminConsentCallbackEnv,
    reservedConcurrency: stage.reservedConcurrency.adminConsentCallback,
  });
  for (const method of [HttpMethod.GET, HttpMethod.POST]) {
    api.publicRoute(
      method,
      adminConsentCallbackPath,
      adminConsentCallback,
      stage.throttling.callback,
      microsoftsBrowsers,
    );
  }
  data.attempts.grant(adminConsentCallback, "dynamodb:GetItem", "dynamodb:UpdateItem");
  data.tenantConsents.grant(
    adminConsentCallback,
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:UpdateItem",
  );
  data.signInKeys.grantRead(adminConsentCallback);
  appCredential.grant(adminConsentCallback);
  return adminConsentCallback;
};

const defineResumeWaiting = (context: ServiceContext) => {
  const { data, mail, settings } = context;
  const resumeWaiting = context.define("ResumeWaiting", {
    name: "resume-waiting",
    description: "Each minute: tells those who waited that their organisation has approved",
    timeoutSeconds: 60,
    environment: {
      ...settings.microsoftClient,
      ...settings.mail,
      ...settings.returnPages,
      ...settings.support,
      ...settings.tenantConsents,
    } satisfies ResumeWaitingEnv,
  });
  data.tenantConsents.grant(
    resumeWaiting,
    "dynamodb:GetItem",
    "dynamodb:Query",
    "dynamodb:UpdateItem",
  );
  data.tenantConsents.grantQuery(resumeWaiting, byNotice);
  mail.grantSend(resumeWaiting);
  context.invoke("EachMinute", resumeWaiting, {
    description: "Tells those who waited for an approval that it is there.",
    schedule: Schedule.rate(Duration.minutes(1)),
  });
  return resumeWaiting;
};

const defineMailEvents = (context: ServiceContext) => {
  const { data, mail, settings } = context;
  const mailEvents = context.define("MailEvents", {
    name: "mail-events",
    description: "Bounces and complaints: sends nothing more there, and lets the person know",
    timeoutSeconds: 30,
    environment: {
      ...settings.microsoftClient,
      ...settings.tenantConsents,
    } satisfies MailEventsEnv,
    asynchronous: { retries: 2, maxEventAgeSeconds: 6 * 3600 },
  });
  data.tenantConsents.grant(
    mailEvents,
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:UpdateItem",
  );
  context.invoke("MailEventRule", mailEvents, {
    description: "Mail that did not arrive or was not wanted.",
    eventPattern: mail.events,
  });
  return mailEvents;
};

/** How an administrator approves for an organisation, from the request to the people who waited. */
export const defineApprovals = (context: ServiceContext) => ({
  adminConsentRequest: defineAdminConsentRequest(context),
  approvalStatus: defineApprovalStatus(context),
  adminConsent: defineAdminConsent(context),
  adminConsentCallback: defineAdminConsentCallback(context),
  resumeWaiting: defineResumeWaiting(context),
  mailEvents: defineMailEvents(context),
});

export type ApprovalFunctions = ReturnType<typeof defineApprovals>;
