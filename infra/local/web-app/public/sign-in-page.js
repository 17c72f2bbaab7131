import { byId, element } from "./element.js";
import { signIn } from "./session.js";

/** @import { Person } from "./session.js" */

const showProblem = () => {
  const problem = byId("problem", HTMLElement);
  problem.textContent = "That did not work. Is the demo still running? Try again in a moment.";
  problem.hidden = false;
};

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
          showProblem();
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

/** @param {string} id @param {Person[]} members */
const workspaceSection = (id, members) =>
  element(
    "section",
    { "aria-labelledby": id },
    element("h2", { id }, members[0]?.workspace.name),
    element(
      "ul",
      { class: "people" },
      ...members.map((person) => element("li", {}, personButton(person))),
    ),
  );

/** @returns {Promise<Person[]>} */
const readPeople = async () => {
  const answer = await fetch("/people");
  if (!answer.ok) throw new Error(`/people answered ${answer.status}`);
  return (await answer.json()).people;
};

try {
  const workspaces = Map.groupBy(await readPeople(), ({ workspace }) => workspace.id);
  const sections = [...workspaces].map(([id, members]) => workspaceSection(id, members));
  byId("workspaces", HTMLElement).append(...sections);
} catch {
  showProblem();
}
