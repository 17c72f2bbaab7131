import { byId, element } from "./element.js";
import { signIn } from "./session.js";

/** @import { Person } from "./session.js" */

const problem = byId("problem", HTMLElement);

/** @param {Person} person */
const personButton = ({ id, name, email, emailVerified }) =>
  element(
    "button",
    {
      type: "button",
      click: async () => {
        try {
          await signIn(id);
          window.location.assign("/");
        } catch {
          problem.textContent =
            "That did not work. Is the demo still running? Try again in a moment.";
          problem.hidden = false;
        }
      },
    },
    element("span", { class: "tile", "aria-hidden": "true" }, initials(name)),
    element(
      "span",
      {},
      element("strong", {}, name),
      element("span", {}, emailVerified === false ? `${email} (not confirmed)` : email),
    ),
  );

/** @param {string} name */
const initials = (name) =>
  name
    .split(" ")
    .map((part) => part[0])
    .join("");

/** @type {{people: Person[]}} */
const { people } = await (await fetch("/people")).json();

const workspaces = Map.groupBy(people, ({ workspace }) => workspace.id);
for (const [id, members] of workspaces) {
  byId("workspaces", HTMLElement).append(
    element(
      "section",
      { "aria-labelledby": id },
      element("h2", { id }, members[0]?.workspace.name),
      element(
        "ul",
        { class: "people" },
        ...members.map((person) => element("li", {}, personButton(person))),
      ),
    ),
  );
}
