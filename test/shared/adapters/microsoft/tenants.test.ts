import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { microsoftTenants } from "../../../../shared/adapters/microsoft/tenants.ts";
import { tenantId } from "../../../../shared/domain/ids.ts";
import type { MailDomain } from "../../../../shared/domain/mail-address.ts";
import { fakeClock } from "../../../fakes/fake-clock.ts";
import { hurriedLimits } from "../../../fakes/hurried-limits.ts";
import {
  type Answer,
  answerJson,
  answerText,
  breakOff,
  dropConnection,
  type ScriptedServer,
  saySilence,
  startScriptedServer,
} from "../../../fakes/scripted-server.ts";

let server: ScriptedServer;
beforeAll(async () => {
  server = await startScriptedServer();
});
afterAll(() => server.close());

const authority = new URL("https://login.microsoftonline.com");
const tenant = tenantId("3b0f5c1e-7a42-4d89-9e15-c2f68ab01d37");
const domain = "north.example" as MailDomain;

const metadata = (issuer: unknown) => answerJson(200, { issuer, token_endpoint: "unused" });
const good = metadata(`${authority.origin}/${tenant}/v2.0`);

const open = () => {
  const clock = fakeClock();
  const tenants = microsoftTenants({ authority, loginEndpoint: server.origin }, clock.now);
  return { clock, tenants };
};

it("reads a domain's tenant from what Microsoft publishes under the domain's name", async () => {
  server.script(good);

  expect(await open().tenants.ofDomain(domain)).toBe(tenant);

  expect(server.requests.at(-1)).toMatchObject({
    method: "GET",
    path: "/north.example/v2.0/.well-known/openid-configuration",
  });
});

describe("knows no tenant", () => {
  it.for<readonly [string, Answer]>([
    ["of a domain that Microsoft does not know", answerJson(400, { error: "invalid_tenant" })],
    [
      "of personal accounts",
      metadata(`${authority.origin}/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0`),
    ],
    ["in an issuer of another cloud", metadata(`https://login.microsoftonline.us/${tenant}/v2.0`)],
    ["in an issuer without a tenant", metadata(`${authority.origin}/{tenantid}/v2.0`)],
    ["in an issuer that is no address", metadata("north.example")],
  ])("%s", async ([, answer]) => {
    server.script(answer);

    expect(await open().tenants.ofDomain(domain)).toBeUndefined();
  });
});

describe("does not take for none", () => {
  it.for<readonly [string, Answer]>([
    ["metadata without an issuer", metadata(undefined)],
    ["something that is no JSON", answerText(200, "<html>")],
    ["a redirect", answerText(302, "", { location: "https://evil.example/" })],
    ["that too much was asked", answerText(429, "")],
    ["that Microsoft is unwell", answerText(503, "")],
    ["a lost connection", dropConnection],
    ["an answer that breaks off", breakOff],
  ])("%s", async ([, answer]) => {
    server.script(answer);

    expect(await open().tenants.ofDomain(domain)).toBe("unavailable");
  });

  it("three seconds of silence", async () => {
    server.script(saySilence);
    const limits = hurriedLimits();

    expect(await open().tenants.ofDomain(domain)).toBe("unavailable");

    expect(limits).toEqual([3_000]);
  });
});

describe("remembers", () => {
  it("a tenant for an hour", async () => {
    const { clock, tenants } = open();
    server.script(good, good);
    const before = server.requests.length;

    await tenants.ofDomain(domain);
    clock.pass(3599);
    await tenants.ofDomain(domain);
    expect(server.requests.length - before).toBe(1);

    clock.pass(2);
    await tenants.ofDomain(domain);
    expect(server.requests.length - before).toBe(2);
  });

  it.for<readonly [string, number, Answer, string | undefined]>([
    ["there is none", 60, answerJson(400, { error: "invalid_tenant" }), undefined],
    ["Microsoft could not be asked", 5, answerText(503, ""), "unavailable"],
  ])("that %s for %i seconds only", async ([, seconds, answer, none]) => {
    const { clock, tenants } = open();
    server.script(answer, good);
    const before = server.requests.length;

    expect(await tenants.ofDomain(domain)).toBe(none);
    clock.pass(seconds - 1);
    expect(await tenants.ofDomain(domain)).toBe(none);
    expect(server.requests.length - before).toBe(1);
    clock.pass(2);

    expect(await tenants.ofDomain(domain)).toBe(tenant);
  });

  it("a thousand domains, and forgets the oldest of more", async () => {
    const { tenants } = open();
    server.script(good);
    const ask = (index: number) => tenants.ofDomain(`n${index}.example` as MailDomain);
    for (let index = 0; index <= 1_000; index += 1) await ask(index);
    const before = server.requests.length;

    await ask(1);
    expect(server.requests.length - before).toBe(0);
    await ask(0);
    expect(server.requests.length - before).toBe(1);
  });
});
