import { expect } from "vitest";
import type { ProductUser } from "../../shared/domain/ids.ts";
import type { ProvenIdentity } from "../../shared/domain/microsoft.ts";
import type { HttpResponse } from "../../shared/http/response.ts";
import { account, alice } from "./samples.ts";
import type { ServiceInMemory } from "./service-in-memory.ts";

/** May approve. */
export const administratorRole = "62e90394-69f5-4237-9190-012177145e10";

export const administrator: ProvenIdentity = {
  account: { ...account, displayName: "Ada Admin", username: "ada@north.example" },
  accountType: "member",
  roles: [administratorRole],
};

/** Somebody who was turned away asks for a link. @returns what the link ends with */
export const approvalLink = async (
  service: ServiceInMemory,
  user: ProductUser = alice,
): Promise<string> => {
  const { attemptId } = await service.begin(user);
  const { approvalUrl } = JSON.parse((await service.askAdministrator(user, { attemptId })).body);
  return new URL(approvalUrl).pathname.split("/").at(-1) ?? "";
};

/** What a browser brings from Microsoft's approval page. */
export const approved = (state: string, changes: Readonly<Record<string, string>> = {}) => ({
  admin_consent: "True",
  tenant: account.tenantId,
  state,
  ...changes,
});

/** What a browser carries to Microsoft and back. */
export interface Carried {
  readonly url: URL;
  readonly state: string;
  readonly cookies: readonly string[];
}

export const carried = ({ headers, cookies = [] }: HttpResponse): Carried => {
  const url = new URL(headers.location ?? expect.fail("this leads nowhere"));
  return {
    url,
    state: url.searchParams.get("state") ?? "",
    cookies: cookies.map((cookie) => cookie.split(";")[0] ?? ""),
  };
};

/** The administrator approved, and is sent to prove who they are. */
export const proving = async (service: ServiceInMemory, link: string): Promise<Carried> =>
  carried(await service.approvalAnswered(approved(link)));
