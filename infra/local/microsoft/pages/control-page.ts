import { html } from "../../../../shared/pages/html.ts";
import type { HttpResponse } from "../http-exchange.ts";
import type { Simulation } from "../simulation.ts";
import { page } from "./page.ts";

/** Who lives in the simulator, for a person who wants to know as whom to sign in. */
export const controlPage = ({ state, now }: Simulation): HttpResponse =>
  page({
    name: "control",
    title: "Who lives in this simulator",
    content: html`<h1>Who lives in this simulator</h1>
<p class="muted">Its time is ${now().toISOString().slice(0, 16).replace("T", " ")} UTC. Tests order what should go wrong by POST to /_control, for example <span class="who">{"username": "…", "assigned": true}</span> to /_control/assignUser.</p>
${[...state.tenants.values()].map(
  (tenant) => html`<h2>${tenant.name}</h2>
<p class="muted">${tenant.description}</p>
<ul class="permissions">${[...state.accounts.values()]
    .filter(({ tenantId }) => tenantId === tenant.id)
    .map(
      ({ displayName, username, description, assigned }) =>
        html`<li>${displayName}<br><span class="who">${username}</span><br><span class="muted">${description}${tenant.policy.assignmentRequired && (assigned ? ", assigned to the app" : ", not assigned to the app")}</span></li>`,
    )}</ul>`,
)}`,
  });
