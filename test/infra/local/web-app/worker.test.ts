import { execFile } from "node:child_process";
import { copyFile, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect, promisify } from "node:util";
import { expect, it } from "vitest";
import { fetchToken, type TokenFunction } from "../../../../infra/local/web-app/worker.ts";

const root = join(import.meta.dirname, "../../../..");

const request = {
  connectionId: "conn_1",
  workspaceId: "ws_north",
  run: { workflowId: "newest-mail", runId: "run-1" },
};

const answering = (payload: string): TokenFunction => ({
  functionName: "token-fetch",
  lambda: { send: async () => ({ Payload: new TextEncoder().encode(payload) }) },
});

const token = {
  ok: true,
  accessToken: "planted-token",
  tokenType: "Bearer",
  expiresAt: "2026-11-20T10:00:00.000Z",
  scopes: ["Mail.Send"],
  graphBaseUrl: "https://graph.microsoft.com/v1.0",
  degraded: false,
};

it("runs where nothing else of this repository is", async () => {
  const folder = await mkdtemp(join(tmpdir(), "worker-"));
  try {
    await copyFile(join(root, "infra/local/web-app/worker.ts"), join(folder, "worker.ts"));
    await symlink(join(root, "node_modules"), join(folder, "node_modules"));
    await writeFile(
      join(folder, "use.mts"),
      `import { fetchToken } from "./worker.ts";
       const Payload = new TextEncoder().encode(${JSON.stringify(JSON.stringify(token))});
       const lambda = { send: async () => ({ Payload }) };
       const answer = await fetchToken(${JSON.stringify(request)}, { lambda, functionName: "f" });
       console.log(answer.accessToken.reveal());`,
    );

    const { stdout } = await promisify(execFile)(process.execPath, [join(folder, "use.mts")]);

    expect(stdout).toBe("planted-token\n");
  } finally {
    await rm(folder, { recursive: true });
  }
});

it("hands on a token that cannot be printed by mistake", async () => {
  const answer = await fetchToken(request, answering(JSON.stringify(token)));

  expect(answer.ok && answer.accessToken.reveal()).toBe("planted-token");
  const printed = [
    inspect(answer, { depth: 10, showHidden: true }),
    JSON.stringify(answer),
    answer.ok && `${answer.accessToken}`,
  ];
  for (const text of printed) expect(text).not.toContain("planted");
});

it.for([
  ["that breaks off", JSON.stringify(token).slice(5, 60)],
  ["that begins with the token", "planted-token"],
  ["in another form", JSON.stringify({ ...token, expiresAt: "soon" })],
] as const)("throws without quoting an answer %s", async ([, payload]) => {
  const error = await fetchToken(request, answering(payload)).catch((reason: unknown) => reason);

  expect(error).toBeInstanceOf(Error);
  expect(inspect(error, { depth: 10, showHidden: true })).not.toContain("planted");
});
