import { type Refusal, refusal, type Trace } from "./aadsts.ts";
import type { HttpResponse } from "./http-exchange.ts";
import {
  passwordPage,
  pickAccountPage,
  secondFactorPage,
  signInPage,
} from "./pages/account-pages.ts";
import { errorPage } from "./pages/error-page.ts";
import {
  type AccountState,
  type Authority,
  type Interaction,
  type Principal,
  principalAt,
  type SignedIn,
  type Simulation,
} from "./simulation.ts";
import { readLoginHint } from "./tokens.ts";

/** Where a person stands on the way through Microsoft's pages. */
export type Step =
  /** A page is shown; `silently` is what `prompt=none` gets instead of it. */
  | { readonly kind: "shown"; readonly response: HttpResponse; readonly silently: Refusal }
  | { readonly kind: "signed_in"; readonly principal: Principal; readonly signedIn: SignedIn };

interface Context {
  readonly simulation: Simulation;
  readonly interaction: Interaction;
  /** Where the forms of the pages go. */
  readonly action: string;
  readonly trace: Trace;
}

const findAccount = ({ state }: Simulation, username: string): AccountState | undefined =>
  state.accounts.get(username.trim().toLowerCase());

const accountsAt = (simulation: Simulation, authority: Authority): readonly AccountState[] =>
  [...simulation.state.accounts.values()].filter((account) =>
    principalAt(simulation, account, authority),
  );

const listed = ({ state }: Simulation, account: AccountState) => ({
  username: account.username,
  displayName: account.displayName,
  note: `${state.tenants.get(account.tenantId)?.name ?? ""} – ${account.description}`,
});

const isPersonalText =
  "You can’t sign in here with a personal account. Use your work or school account instead.";
const isWorkText =
  "You can’t sign in here with a work or school account. Use your personal account instead.";
const isUnknownText = "We couldn’t find an account with that username.";

const showSignIn = (
  { simulation, interaction, action }: Context,
  problem?: string,
  username = "",
): Step => ({
  kind: "shown",
  silently: refusal(50058),
  response: signInPage({
    action,
    appName: simulation.appName,
    username,
    problem,
    available: accountsAt(simulation, interaction.authority).map((account) =>
      listed(simulation, account),
    ),
  }),
});

const showError = (trace: Trace, refused: Refusal): Step => ({
  kind: "shown",
  silently: { ...refused, error: "interaction_required" },
  response: errorPage(refused, trace),
});

/** A session that still counts: not revoked, and young enough for the tenant. */
const validSession = (
  { simulation, interaction }: Context,
  { account, tenant }: Principal,
): SignedIn | undefined => {
  const session = interaction.browser.sessions.get(account.username.toLowerCase());
  if (!session || session.sessionEpoch !== account.sessionEpoch) return undefined;
  const { signInFrequencySeconds } = tenant.policy;
  const age = (simulation.now().getTime() - session.authenticatedAt.getTime()) / 1000;
  return signInFrequencySeconds > 0 && age > signInFrequencySeconds ? undefined : session;
};

/** Takes the person to the first page that is still due, or on to consent. */
const signInStep = (context: Context, problem?: string): Step => {
  const { simulation, interaction, action, trace } = context;
  const { account, authority, purpose } = interaction;
  if (!account) return showSignIn(context, problem);

  const principal = principalAt(simulation, account, authority);
  if (!principal) {
    interaction.account = undefined;
    if (authority.kind === "organizations") return showSignIn(context, isPersonalText);
    if (authority.kind === "consumers") return showSignIn(context, isWorkText);
    return showError(trace, refusal(50020));
  }

  const session = validSession(context, principal);
  const authorize = purpose.kind === "authorize" ? purpose : undefined;
  if (!session || (authorize?.prompt === "login" && !interaction.passwordGiven))
    return {
      kind: "shown",
      silently: refusal(50058),
      response: passwordPage(action, account, problem),
    };
  if (account.disabled) return showError(trace, refusal(50057));

  const mfaMissing = principal.tenant.policy.mfa && session.mfaEpoch !== principal.tenant.mfaEpoch;
  if (mfaMissing || (authorize?.stepUp && !interaction.mfaGiven))
    return {
      kind: "shown",
      silently: refusal(50076),
      response: secondFactorPage(action, account),
    };

  return { kind: "signed_in", principal, signedIn: session };
};

/** The first look at a request: is it clear already who signs in? */
export const beginSignIn = (context: Context): Step => {
  const { simulation, interaction, action } = context;
  const { browser, authority, purpose } = interaction;
  const { prompt, loginHint } =
    purpose.kind === "authorize" ? purpose : { prompt: undefined, loginHint: undefined };

  if (loginHint !== undefined) {
    const username = readLoginHint(loginHint);
    interaction.account = findAccount(simulation, username);
    return interaction.account ? signInStep(context) : showSignIn(context, isUnknownText, username);
  }

  const signedIn = [...browser.sessions.keys()].flatMap((username) => {
    const account = findAccount(simulation, username);
    return account && principalAt(simulation, account, authority) ? [account] : [];
  });
  if (signedIn.length === 0 || prompt === "login") return showSignIn(context);
  if (signedIn.length === 1 && prompt !== "select_account") {
    interaction.account = signedIn[0];
    return signInStep(context);
  }
  return {
    kind: "shown",
    silently: refusal(16000),
    response: pickAccountPage(
      action,
      signedIn.map((account) => listed(simulation, account)),
    ),
  };
};

/** What a person sent from one of the pages of signing in; any other form leaves all as it was. */
export const continueSignIn = (context: Context, form: URLSearchParams): Step => {
  const { simulation, interaction } = context;
  const { browser } = interaction;
  const chosen = form.get("account");
  if (chosen !== null) {
    interaction.account = findAccount(simulation, chosen);
    interaction.passwordGiven = false;
    interaction.mfaGiven = false;
    return interaction.account ? signInStep(context) : showSignIn(context, isUnknownText, chosen);
  }

  const { account } = interaction;
  const session = account && browser.sessions.get(account.username.toLowerCase());
  switch (form.get("action")) {
    case "another":
      interaction.account = undefined;
      return showSignIn(context);

    case "username": {
      const username = form.get("username") ?? "";
      interaction.account = findAccount(simulation, username);
      interaction.passwordGiven = false;
      interaction.mfaGiven = false;
      return interaction.account
        ? signInStep(context)
        : showSignIn(context, isUnknownText, username);
    }

    case "password":
      if (!account) return showSignIn(context);
      if (!form.get("password")) return signInStep(context, "Please enter your password.");
      interaction.passwordGiven = true;
      browser.sessions.set(account.username.toLowerCase(), {
        authenticatedAt: simulation.now(),
        sessionEpoch: account.sessionEpoch,
        mfaEpoch: undefined,
      });
      return signInStep(context);

    case "second-factor": {
      const principal = account && principalAt(simulation, account, interaction.authority);
      if (!account || !session || !principal) return signInStep(context);
      interaction.mfaGiven = true;
      browser.sessions.set(account.username.toLowerCase(), {
        ...session,
        mfaEpoch: principal.tenant.mfaEpoch,
      });
      return signInStep(context);
    }

    default:
      return signInStep(context);
  }
};
