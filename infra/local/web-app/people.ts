/** A customer organisation inside the product. Invented, as all names here. */
interface Workspace {
  readonly id: string;
  readonly name: string;
}

export interface Person {
  readonly id: string;
  readonly name: string;
  readonly email: string;
  /** Absent where the product has seen that the address is theirs. */
  readonly emailVerified?: false;
  readonly workspace: Workspace;
}

const larkfield: Workspace = { id: "ws_larkfield", name: "Larkfield Logistics" };
const juniper: Workspace = { id: "ws_juniper", name: "Juniper Street Studio" };

const aldermoor: Workspace = { id: "ws_aldermoor", name: "Aldermoor Insurance" };
const brightwater: Workspace = { id: "ws_brightwater", name: "Brightwater Clinic" };

/**
 * Who can sign in to the demo: several people in each of several workspaces, so that borders can be tried. The
 * organisations behind the last two let only an administrator approve.
 */
export const people: readonly Person[] = [
  {
    id: "user_ines",
    name: "Ines Calder",
    email: "ines.calder@larkfield.example",
    workspace: larkfield,
  },
  {
    id: "user_tomas",
    name: "Tomas Brandt",
    email: "tomas.brandt@larkfield.example",
    workspace: larkfield,
  },
  {
    id: "user_priya",
    name: "Priya Raman",
    email: "priya.raman@juniper.example",
    workspace: juniper,
  },
  {
    id: "user_leo",
    name: "Leo Okafor",
    email: "leo.okafor@juniper.example",
    workspace: juniper,
  },
  {
    id: "user_niall",
    name: "Niall Byrne",
    email: "niall.byrne@aldermoor.example",
    workspace: aldermoor,
  },
  {
    id: "user_oona",
    name: "Oona Virtanen",
    email: "oona.virtanen@aldermoor.example",
    workspace: aldermoor,
  },
  {
    id: "user_margit",
    name: "Margit Solberg",
    email: "margit.solberg@aldermoor.example",
    workspace: aldermoor,
  },
  {
    id: "user_quentin",
    name: "Quentin Marsh",
    email: "quentin.marsh@brightwater.example",
    workspace: brightwater,
  },
  {
    id: "user_rosa",
    name: "Rosa Ibáñez",
    email: "rosa.ibanez@brightwater.example",
    emailVerified: false,
    workspace: brightwater,
  },
];
