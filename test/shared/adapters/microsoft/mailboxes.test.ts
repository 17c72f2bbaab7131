import { inspect } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { graphMailboxes } from "../../../../shared/adapters/microsoft/mailboxes.ts";
import { fail, succeed } from "../../../../shared/domain/result.ts";
import { Secret } from "../../../../shared/domain/secret.ts";
import { hurriedLimits } from "../../../fakes/hurried-limits.ts";
import {
  type Answer,
  answerJson,
  answerText,
  drip,
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
afterEach(() => {
  vi.restoreAllMocks();
});

const token = new Secret("planted-access-token");
const probe = (path = "") => graphMailboxes(new URL(path, server.origin)).probe(token);

const graphError = (status: number, code: string) =>
  answerJson(status, { error: { code, message: "planted text" } });

it.for(["", "/graph", "/graph/"])("opens the inbox with the token, at %j", async (path) => {
  server.script(answerJson(200, { id: "inbox" }));

  expect(await probe(path)).toEqual(succeed(undefined));

  const [request] = server.requests;
  expect(request).toMatchObject({
    method: "GET",
    path: `${path.replace(/\/$/, "")}/v1.0/me/mailFolders/inbox`,
  });
  expect(Object.fromEntries(request?.query ?? [])).toEqual({ $select: "id" });
  expect(request?.headers.authorization).toBe("Bearer planted-access-token");
});

it("opens it with a token of 12 KB", async () => {
  server.script(answerJson(200, { id: "inbox" }));

  const probed = await graphMailboxes(server.origin).probe(new Secret("t".repeat(12 * 1024)));

  expect(probed.ok).toBe(true);
});

describe("a mailbox that cannot be opened", () => {
  it.for<readonly [Answer, kind: string, string]>([
    [
      graphError(404, "MailboxNotEnabledForRESTAPI"),
      "mailbox_not_available",
      "no mailbox, or one on premises",
    ],
    [graphError(404, "ResourceNotFound"), "mailbox_not_available", "the same on another day"],
    [
      graphError(404, "MailboxNotSupportedForRESTAPI"),
      "mailbox_not_available",
      "some personal accounts",
    ],
    [graphError(403, "ErrorAccessDenied"), "mailbox_access_denied", "no licence or permission"],
    [graphError(401, "InvalidAuthenticationToken"), "mailbox_access_denied", "a useless token"],
    [graphError(429, "ApplicationThrottled"), "mailbox_unreachable", "throttling"],
    [graphError(503, "ServiceUnavailable"), "mailbox_unreachable", "an outage"],
    [answerText(502, "<html>"), "mailbox_unreachable", "a gateway's own answer"],
    [answerText(302, "", { location: "/elsewhere" }), "mailbox_unreachable", "a redirect"],
    [dropConnection, "mailbox_unreachable", "a closed connection"],
    [answerText(200, "x".repeat(100_000)), "mailbox_unreachable", "an answer without measure"],
  ])("%s is %s: %s", async ([answer, kind]) => {
    server.script(answer);

    const probed = await probe();

    expect(probed).toEqual(fail({ kind }));
    expect(inspect(probed, { depth: 10 })).not.toContain("planted");
    expect(server.requests).toHaveLength(1);
  });

  it.for([saySilence, drip])("does not keep anybody waiting", async (answer) => {
    hurriedLimits();
    server.script(answer);

    expect(await probe()).toEqual(fail({ kind: "mailbox_unreachable" }));
  });
});

it("a bug of ours is nobody's mailbox, and goes up", async () => {
  const broken = new Secret("planted-access-token");
  vi.spyOn(broken, "reveal").mockImplementation(() => {
    throw new Error("a bug");
  });

  await expect(graphMailboxes(server.origin).probe(broken)).rejects.toThrow("a bug");
});
