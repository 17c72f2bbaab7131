import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type ProductUser,
  type TenantId,
  tenantId,
  userId,
  workspaceId,
} from "../../shared/domain/ids.ts";
import { succeed } from "../../shared/domain/result.ts";
import type { Organisation } from "../../shared/domain/tenant-consent.ts";
import type { HttpResponse } from "../../shared/http/response.ts";
import { allReadable } from "../fakes/all-readable.ts";
import { captureLog } from "../fakes/captured-log.ts";
import { account, grant } from "../fakes/samples.ts";
import { broughtBack, type ServiceInMemory, serviceInMemory } from "../fakes/service-in-memory.ts";

captureLog();

const administrator = "62e90394-69f5-4237-9190-012177145e10";
const member = "b79fbf4d-3ef9-4689-8143-76b194e85509";
const home = account.tenantId;
const elsewhere = tenantId("99999999-9999-4999-8999-999999999999");

const people: readonly ProductUser[] = ["ann", "ben", "cem"].map((name) => ({
  userId: userId(name),
  workspaceId: workspaceId("ws_north"),
}));

/** What may happen, true or forged, in any order. */
type Step =
  | {
      readonly kind: "is turned away" | "waits in vain" | "asks" | "asks by mail";
      readonly who: number;
    }
  | {
      readonly kind: "connects";
      readonly who: number;
      readonly tenant: TenantId;
      readonly isAdministrator: boolean;
    }
  | {
      readonly kind: "an administrator approves on the way";
      readonly who: number;
      readonly tenant: TenantId;
    }
  | { readonly kind: "a link is opened"; readonly link: number }
  /** By the administrator, or by anybody who writes such an address. */
  | {
      readonly kind: "an approval is reported";
      readonly link: number;
      readonly tenant: TenantId;
      readonly beside: "nothing" | "an error";
    }
  | {
      readonly kind: "somebody proves who they are";
      readonly proof: number;
      readonly tenant: TenantId;
      readonly isAdministrator: boolean;
      readonly inAnotherBrowser: boolean;
    }
  /** By Microsoft, or by anybody who writes such a form. */
  | {
      readonly kind: "a proof is refused";
      readonly proof: number;
      readonly why: "a page is due" | "not assigned" | "unwell";
      readonly inAnotherBrowser: boolean;
    }
  | { readonly kind: "refreshes lose the approval" }
  | { readonly kind: "the minute passes" }
  | { readonly kind: "time passes"; readonly seconds: number };

const who = fc.nat(people.length - 1);
const link = fc.nat(2);
const tenant = fc.constantFrom(home, home, home, elsewhere);
const isAdministrator = fc.boolean();

/** Most runs get as far as an approval that is reported, so that there is something to prove wrongly. */
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom("is turned away", "waits in vain", "asks", "asks", "asks by mail"),
      who,
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("an approval is reported"),
      link,
      tenant,
      beside: fc.constantFrom("nothing", "nothing", "an error"),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("somebody proves who they are"),
      proof: link,
      tenant,
      isAdministrator,
      inAnotherBrowser: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("a proof is refused"),
      proof: link,
      why: fc.constantFrom("a page is due", "a page is due", "not assigned", "unwell"),
      inAnotherBrowser: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("connects"), who, tenant, isAdministrator }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("an administrator approves on the way"),
      who,
      tenant,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("a link is opened"), link }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("refreshes lose the approval") }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("the minute passes") }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("time passes"),
      seconds: fc.constantFrom(1, 61, 601, 24 * 3600, 8 * 24 * 3600),
    }),
  },
) as fc.Arbitrary<Step>;

const refusals = {
  "a page is due": { error: "login_required" },
  "not assigned": { error: "interaction_required", error_description: "AADSTS50105" },
  unwell: { error: "server_error" },
} as const;

const anotherBrowser = [`__Host-outlook-connect-approval=${"x".repeat(43)}`];

/** The whole service, and what a sound one may have come to know. */
const world = () => {
  let signingIn = { tenant: home, roles: [member] };
  const service: ServiceInMemory = serviceInMemory({
    redeemCode: async () =>
      succeed({
        ...grant,
        account: { ...account, tenantId: signingIn.tenant },
        roles: signingIn.roles,
      }),
    proveIdentity: async () =>
      succeed({
        account: { ...account, tenantId: signingIn.tenant },
        accountType: "member",
        roles: signingIn.roles,
      }),
  });
  const links: string[] = [];
  const proofs: { state: string; cookies: string[]; tenant: TenantId; step: number }[] = [];
  /** Tenants for which there has been a proof since they were last lost. */
  const proved = new Set<TenantId>();
  const latest = <Item>(items: readonly Item[], index: number) => items[items.length - 1 - index];

  /** @returns whether the answer leads to a sign-in that is to prove something */
  const noteProof = ({ headers, cookies = [] }: HttpResponse, tenant: TenantId, step: number) => {
    const state = new URL(headers.location ?? "about:blank").searchParams.get("state");
    if (state === null) return false;
    const kept = cookies.map((cookie) => cookie.split(";")[0] ?? "");
    proofs.push({ state, cookies: kept, tenant, step });
    return true;
  };

  const signsIn = (tenant: TenantId, isAdministrator: boolean) => {
    signingIn = { tenant, roles: isAdministrator ? [member, administrator] : [member] };
  };

  const take = async (next: Step): Promise<void> => {
    switch (next.kind) {
      case "is turned away": {
        const { state } = await begin(next.who);
        const error = { error: "access_denied", error_description: "AADSTS90094" };
        await service.complete(
          personOf(next.who),
          broughtBack(await service.callback({ state, ...error })),
        );
        return;
      }
      case "waits in vain": {
        const { attemptId } = await begin(next.who);
        service.clock.pass(601);
        await service.attempt(personOf(next.who), attemptId);
        return;
      }
      case "asks":
      case "asks by mail": {
        const { attemptId } = await begin(next.who);
        const mail = next.kind === "asks" ? {} : { adminEmail: "it@north.example" };
        const { body } = await service.askAdministrator(personOf(next.who), {
          attemptId,
          ...mail,
        });
        const { approvalUrl } = JSON.parse(body);
        if (approvalUrl) links.push(new URL(approvalUrl).pathname.split("/").at(-1) ?? "");
        return;
      }
      case "connects": {
        signsIn(next.tenant, next.isAdministrator);
        const { state } = await begin(next.who);
        const { statusCode } = await service.complete(
          personOf(next.who),
          await service.comeBack(state),
        );
        if (statusCode === 200 && !next.isAdministrator) proved.add(next.tenant);
        return;
      }
      case "an administrator approves on the way": {
        const { state } = await begin(next.who, { forOrganization: true });
        signsIn(next.tenant, true);
        await service.approvalAnswered({ state, admin_consent: "True", tenant: next.tenant });
        const { statusCode } = await service.complete(
          personOf(next.who),
          await service.comeBack(state),
        );
        if (statusCode === 200) proved.add(next.tenant);
        return;
      }
      case "a link is opened": {
        const token = latest(links, next.link);
        if (token) await service.openLink(token);
        return;
      }
      case "an approval is reported": {
        const state = latest(links, next.link);
        if (!state) return;
        const answer = await service.approvalAnswered({
          state,
          admin_consent: "True",
          tenant: next.tenant,
          ...(next.beside === "an error" && { error: "access_denied" }),
        });
        noteProof(answer, next.tenant, 1);
        return;
      }
      case "a proof is refused": {
        const proof = latest(proofs, next.proof);
        if (!proof) return;
        const answer = await service.approvalProved(
          { state: proof.state, ...refusals[next.why] },
          next.inAnotherBrowser ? anotherBrowser : proof.cookies,
        );
        const pageIsDue = next.why === "a page is due" && !next.inAnotherBrowser;
        if (noteProof(answer, proof.tenant, 2)) {
          expect(proof.step, "only the first leads to pages").toBe(1);
          expect(pageIsDue).toBe(true);
        }
        // Of the last one: whoever brings it has proved who they are with the one before.
        if (answer.statusCode === 200 && answer.body.includes("Thank you")) {
          expect(proof.step).toBe(3);
          expect(pageIsDue).toBe(true);
          proved.add(proof.tenant);
        }
        return;
      }
      case "somebody proves who they are": {
        const proof = latest(proofs, next.proof);
        if (!proof) return;
        signsIn(next.tenant, next.isAdministrator);
        const answer = await service.approvalProved(
          { state: proof.state, code: "the-code" },
          next.inAnotherBrowser ? anotherBrowser : proof.cookies,
        );
        const { statusCode, body } = answer;
        const isProof =
          next.isAdministrator && !next.inAnotherBrowser && next.tenant === proof.tenant;
        if (isProof && statusCode === 200 && body.includes("Thank you")) proved.add(next.tenant);
        if (noteProof(answer, proof.tenant, 3)) {
          expect(isProof).toBe(true);
          expect(proof.step, "only pages are followed by the last").toBe(2);
        }
        return;
      }
      case "refreshes lose the approval":
        await service.consents.record(
          { kind: "tenant", tenantId: home },
          { kind: "lost" },
          service.clock.now(),
        );
        proved.delete(home);
        return;
      case "the minute passes":
        service.clock.pass(61);
        return service.resume();
      case "time passes":
        service.clock.pass(next.seconds);
        return;
      default:
        return next satisfies never;
    }
  };

  const personOf = (index: number) => people[index] ?? expect.fail("there is no such person");
  const begin = async (index: number, body: unknown = {}) => {
    const started = await service.start(personOf(index), body);
    if (started.statusCode !== 429) {
      const { attemptId, authorizationUrl } = JSON.parse(started.body);
      return { attemptId, state: new URL(authorizationUrl).searchParams.get("state") ?? "" };
    }
    // Sign-ins that were left open do not stand in the way for long.
    service.clock.pass(601);
    return service.begin(personOf(index), body);
  };

  return { service, proved, take };
};

const tenantOf = (id: TenantId): Organisation => ({ kind: "tenant", tenantId: id });

/** What must hold after every step, whatever came before. */
const expectSound = async ({ service, proved }: ReturnType<typeof world>) => {
  for (const id of [home, elsewhere]) {
    const { status, proof } = await service.consents.find(tenantOf(id));
    if (status !== "verified") continue;
    expect(proved.has(id), "no approval without proof").toBe(true);
    expect(proof, "the proof is kept").toBeDefined();
  }
  const told = service.notices.map(({ tokenHash }) => tokenHash);
  expect(new Set(told).size, "nobody is told twice of one approval").toBe(told.length);
  for (const mail of service.mails) expect(mail.to).toBe("it@north.example");
};

describe("whatever happens on the way to an approval, true or forged", () => {
  it("nothing is verified without proof, nobody is mailed twice, and nobody is left waiting", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 25, size: "max" }),
        async (steps) => {
          const here = world();
          for (const next of steps) {
            await here.take(next);
            await expectSound(here);
          }

          // In the end the home tenant is approved for good: everybody who waited is told.
          await here.take({ kind: "connects", who: 0, tenant: home, isAdministrator: false });
          await here.take({ kind: "the minute passes" });
          await expectSound(here);
          const { status } = await here.service.consents.find(tenantOf(home));
          expect(status).toBe("verified");
          expect(
            await here.service.requests.waiting(tenantOf(home), allReadable),
            "nobody waits",
          ).toEqual([]);
        },
      ),
      { numRuns: 400 },
    );
  });
});
