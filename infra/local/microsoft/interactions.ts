import { type Refusal, refusal, type Trace } from "./aadsts.ts";
import { adminConsentForm, adminConsentStep } from "./admin-consent.ts";
import { answerRefusal, authorizeForm, authorizeStep, type Outcome } from "./authorize.ts";
import type { HttpRequest, HttpResponse } from "./http-exchange.ts";
import { errorPage } from "./pages/error-page.ts";
import { beginSignIn, continueSignIn, type Step } from "./sign-in.ts";
import {
  type Authority,
  type Browser,
  type Interaction,
  randomText,
  type Simulation,
} from "./simulation.ts";

/** Cookies know no port, so the name must not collide with anything else on this machine. */
const cookieName = "microsoft_simulator";

const findBrowser = ({ state }: Simulation, { cookies }: HttpRequest): Browser | undefined =>
  state.browsers.get(cookies.get(cookieName) ?? "");

const newBrowser = ({ state }: Simulation): Browser => {
  const browser: Browser = { id: randomText(24), sessions: new Map() };
  state.browsers.set(browser.id, browser);
  return browser;
};

/** Lax suffices: people come by a top-level navigation, and post from pages of this origin. */
const withCookie = (response: HttpResponse, { id }: Browser): HttpResponse => ({
  ...response,
  headers: {
    ...response.headers,
    "set-cookie": `${cookieName}=${id}; Path=/; HttpOnly; SameSite=Lax`,
  },
});

const actionOf = ({ id }: Interaction) => `/interaction/${id}`;

/** On from signing in to what the person came for. */
const onwards = (
  simulation: Simulation,
  interaction: Interaction,
  step: Step,
  trace: Trace,
  form: URLSearchParams,
): Outcome => {
  if (step.kind === "shown") return step;
  const { principal, signedIn } = step;
  const { purpose } = interaction;
  const action = actionOf(interaction);
  if (purpose.kind === "authorize") {
    const arrived = { simulation, interaction, purpose, principal, signedIn, action, trace };
    return form.has("action") ? authorizeForm(arrived, form) : authorizeStep(arrived);
  }
  const arrived = { simulation, purpose, principal, action, trace };
  return form.has("action") ? adminConsentForm(arrived, form) : adminConsentStep(arrived);
};

const finish = (simulation: Simulation, interaction: Interaction, outcome: Outcome) => {
  if (outcome.kind === "answered") simulation.state.interactions.delete(interaction.id);
  return withCookie(outcome.response, interaction.browser);
};

/** A new way through the pages, which `prompt=none` must pass without seeing any. */
export const beginInteraction = (
  simulation: Simulation,
  request: HttpRequest,
  authority: Authority,
  purpose: Interaction["purpose"],
  trace: Trace,
): HttpResponse => {
  const interaction: Interaction = {
    id: randomText(24),
    browser: findBrowser(simulation, request) ?? newBrowser(simulation),
    authority,
    purpose,
    account: undefined,
    passwordGiven: false,
    mfaGiven: false,
  };
  simulation.state.interactions.set(interaction.id, interaction);

  const step = beginSignIn({ simulation, interaction, action: actionOf(interaction), trace });
  const outcome = onwards(simulation, interaction, step, trace, new URLSearchParams());
  if (purpose.kind === "authorize" && purpose.prompt === "none" && outcome.kind === "shown") {
    const silently: Refusal = outcome.silently;
    const response = answerRefusal(purpose, silently, trace);
    return finish(simulation, interaction, { kind: "answered", response });
  }
  return finish(simulation, interaction, outcome);
};

/** A form sent from one of the pages, by the same browser. */
export const continueInteraction = (
  simulation: Simulation,
  request: HttpRequest,
  id: string,
  trace: Trace,
): HttpResponse => {
  const interaction = simulation.state.interactions.get(id);
  if (!interaction || findBrowser(simulation, request) !== interaction.browser)
    return errorPage(
      refusal(90023, { text: "Your sign-in has ended. Go back to the app and start again." }),
      trace,
    );
  const step = continueSignIn(
    { simulation, interaction, action: actionOf(interaction), trace },
    request.form,
  );
  return finish(
    simulation,
    interaction,
    onwards(simulation, interaction, step, trace, request.form),
  );
};

export const signOut = (simulation: Simulation, request: HttpRequest): void => {
  findBrowser(simulation, request)?.sessions.clear();
};
