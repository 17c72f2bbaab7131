/** A customer organisation inside the product. Invented, as all names here. */
interface Workspace {
  readonly id: string;
  readonly name: string;
}

export interface Person {
  readonly id: string;
  readonly name: string;
  readonly email: string;
  readonly workspace: Workspace;
}

const larkfield: Workspace = { id: "ws_larkfield", name: "Larkfield Logistics" };
const juniper: Workspace = { id: "ws_juniper", name: "Juniper Street Studio" };

/** Who can sign in to the demo: two people in each of two workspaces, so that borders can be tried. */
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
];
