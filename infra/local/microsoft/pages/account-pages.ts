import { html } from "../../../../shared/pages/html.ts";
import type { HttpResponse } from "../http-exchange.ts";
import type { AccountState } from "../simulation.ts";
import { page } from "./page.ts";

interface Listed extends Pick<AccountState, "username" | "displayName"> {
  /** Of the tenant or of the account. */
  readonly note: string;
}

const initialsOf = (name: string) =>
  name
    .split(" ")
    .map(([initial = ""]) => initial)
    .join("");

const tiles = (listed: readonly Listed[]) =>
  html`<ul>${listed.map(
    ({ username, displayName, note }) => html`
<li><button class="tile" type="submit" name="account" value="${username}">
<span class="face" aria-hidden="true">${initialsOf(displayName)}</span>
<span>${displayName}</span> <span class="who">${username}</span> <span class="muted">${note}</span>
</button></li>`,
  )}</ul>`;

/** The accounts that are signed in in this browser. */
export const pickAccountPage = (action: string, signedIn: readonly Listed[]): HttpResponse =>
  page({
    name: "pick-account",
    title: "Pick an account",
    content: html`<h1>Pick an account</h1>
<form method="post" action="${action}">
${tiles(signedIn)}
<button class="tile" type="submit" name="action" value="another">
<span class="face" aria-hidden="true">+</span><span>Use another account</span>
</button>
</form>`,
  });

interface SignInPage {
  readonly action: string;
  readonly appName: string;
  readonly username: string;
  readonly problem: string | undefined;
  /** Those of the simulator that this authority lets in. */
  readonly available: readonly Listed[];
}

export const signInPage = ({
  action,
  appName,
  username,
  problem,
  available,
}: SignInPage): HttpResponse =>
  page({
    name: "sign-in",
    title: "Sign in to your account",
    content: html`<h1>Sign in</h1>
<p>to continue to ${appName}</p>
<form method="post" action="${action}">
${problem !== undefined && html`<p class="wrong" id="problem" role="alert">${problem}</p>`}
<label for="username">Email, phone, or Skype</label>
<input type="text" id="username" name="username" value="${username}" autocomplete="username" autocapitalize="none" spellcheck="false"${problem !== undefined && html` aria-invalid="true" aria-describedby="problem"`}>
<div class="actions"><button class="button primary" type="submit" name="action" value="username">Next</button></div>
</form>
<form method="post" action="${action}">
<h2>Accounts of this simulator</h2>
${tiles(available)}
</form>`,
  });

/** Any password is right; the field is filled in so that nobody has to invent one. */
export const passwordPage = (
  action: string,
  { username }: AccountState,
  problem: string | undefined,
): HttpResponse =>
  page({
    name: "password",
    title: "Sign in to your account",
    content: html`<p class="who">${username}</p>
<h1>Enter password</h1>
<form method="post" action="${action}">
${problem !== undefined && html`<p class="wrong" id="problem" role="alert">${problem}</p>`}
<label for="password">Password (any will do)</label>
<input type="password" id="password" name="password" value="simulated" autocomplete="off"${problem !== undefined && html` aria-invalid="true" aria-describedby="problem"`}>
<div class="actions">
<button class="button primary" type="submit" name="action" value="password">Sign in</button>
</div>
</form>
<form class="links" method="post" action="${action}">
<button class="link" type="submit" name="action" value="another">Sign in with another account</button>
</form>`,
  });

export const secondFactorPage = (action: string, { username }: AccountState): HttpResponse =>
  page({
    name: "second-factor",
    title: "Sign in to your account",
    content: html`<p class="who">${username}</p>
<h1>Approve sign in request</h1>
<p>Open your authenticator app and approve the request to sign in. Here, this button is your phone.</p>
<form method="post" action="${action}">
<div class="actions"><button class="button primary" type="submit" name="action" value="second-factor">Approve</button></div>
</form>`,
  });

export const signedOutPage = (): HttpResponse =>
  page({
    name: "signed-out",
    title: "Signed out",
    content: html`<h1>You signed out of your account</h1>
<p>It’s a good idea to close all browser windows.</p>`,
  });
