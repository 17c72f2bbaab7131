import { type Html, html } from "../../../../shared/pages/html.ts";
import type { HttpResponse } from "../http-exchange.ts";
import { permissionTitle } from "../scopes.ts";
import { page } from "./page.ts";

interface ConsentPage {
  readonly action: string;
  readonly appName: string;
  readonly username: string;
  readonly scopes: readonly string[];
}

/** Signing in goes without saying; the rest is listed once each, as on Microsoft's page. */
const permissionList = (scopes: readonly string[]): Html =>
  html`<ul class="permissions">${scopes
    .filter((scope) => scope !== "openid")
    .map((scope) => html`<li>${permissionTitle(scope)}</li>`)}</ul>`;

const acceptOrCancel = html`<div class="actions">
<button class="button" type="submit" name="action" value="cancel">Cancel</button>
<button class="button primary" type="submit" name="action" value="accept">Accept</button>
</div>`;

/** @param forOrganization offers to consent for everybody, as Global Administrators see it */
export const consentPage = ({
  action,
  appName,
  username,
  scopes,
  forOrganization,
}: ConsentPage & { readonly forOrganization: boolean }): HttpResponse =>
  page({
    name: "consent",
    title: "Permissions requested",
    content: html`<p class="who">${username}</p>
<h1>Permissions requested</h1>
<p><strong>${appName}</strong></p>
<p>This app would like to:</p>
${permissionList(scopes)}
<form method="post" action="${action}">
${
  forOrganization &&
  html`<label class="check"><input type="checkbox" name="organization" value="true"> Consent on behalf of your organization</label>`
}
<p class="muted">Accepting these permissions means that you allow this app to use your data as specified in its terms of service and privacy statement. You can change these permissions at https://myapps.microsoft.com.</p>
${acceptOrCancel}
</form>`,
  });

export const personalConsentPage = ({
  action,
  appName,
  username,
  scopes,
}: ConsentPage): HttpResponse =>
  page({
    name: "consent",
    title: "Let this app access your info?",
    content: html`<p class="who">${username}</p>
<h1>Let this app access your info?</h1>
<p><strong>${appName}</strong> needs your permission to:</p>
${permissionList(scopes)}
<form method="post" action="${action}">
<p class="muted">You can change these permissions at any time in your account settings.</p>
${acceptOrCancel}
</form>`,
  });

export const adminConsentPage = ({
  action,
  appName,
  username,
  scopes,
  tenantName,
}: ConsentPage & { readonly tenantName: string }): HttpResponse =>
  page({
    name: "admin-consent",
    title: "Permissions requested",
    content: html`<p class="who">${username}</p>
<h1>Permissions requested</h1>
<p>Review for your organization: ${tenantName}</p>
<p><strong>${appName}</strong></p>
<p>This app would like to:</p>
${permissionList(scopes)}
<form method="post" action="${action}">
<p class="muted">If you accept, this app will get access to the specified resources for all users in your organization. No one else will be prompted to review these permissions.</p>
${acceptOrCancel}
</form>`,
  });

interface ApprovalPage {
  readonly action: string;
  readonly appName: string;
  readonly username: string;
  readonly details: string;
}

const waysBack = (
  action: string,
): Html => html`<form class="links" method="post" action="${action}">
<p><button class="link" type="submit" name="action" value="another">Have an admin account? Sign in with that account</button></p>
<p><button class="link" type="submit" name="action" value="return">Return to the application without granting consent</button></p>
</form>`;

export const needAdminApprovalPage = ({
  action,
  appName,
  username,
  details,
}: ApprovalPage): HttpResponse =>
  page({
    name: "need-admin-approval",
    title: "Need admin approval",
    content: html`<p class="who">${username}</p>
<h1>Need admin approval</h1>
<p><strong>${appName}</strong></p>
<p>${appName} needs permission to access resources in your organization that only an admin can grant. Please ask an admin to grant permission to this app before you can use it.</p>
${waysBack(action)}
<p class="muted">${details}</p>`,
  });

export const requestApprovalPage = ({
  action,
  appName,
  username,
  details,
  scopes,
}: ApprovalPage & { readonly scopes: readonly string[] }): HttpResponse =>
  page({
    name: "request-approval",
    title: "Approval required",
    content: html`<p class="who">${username}</p>
<h1>Approval required</h1>
<p><strong>${appName}</strong></p>
<p>This app requires your admin’s approval to:</p>
${permissionList(scopes)}
<form method="post" action="${action}">
<label for="justification">Enter justification for requesting this app</label>
<textarea id="justification" name="justification" maxlength="500"></textarea>
<div class="actions"><button class="button primary" type="submit" name="action" value="request">Request approval</button></div>
</form>
${waysBack(action)}
<p class="muted">${details}</p>`,
  });

export const requestSentPage = (
  action: string,
  { appName, username }: Pick<ApprovalPage, "appName" | "username">,
): HttpResponse =>
  page({
    name: "request-sent",
    title: "Request sent",
    content: html`<p class="who">${username}</p>
<h1>Request sent</h1>
<p>Your request for ${appName} has been sent to your admin. You will get an email once it is reviewed.</p>
<form method="post" action="${action}">
<div class="actions"><button class="button primary" type="submit" name="action" value="back-to-app">Back to app</button></div>
</form>`,
  });
