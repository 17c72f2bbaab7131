import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import {
  type Bounds,
  boundedRequest,
  NoAnswer,
} from "../../../../shared/adapters/https/bounded-request.ts";
import {
  answerJson,
  answerText,
  breakOff,
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

const request = (path = "/", bounds: Partial<Bounds> = {}) =>
  boundedRequest(
    { method: "GET", url: new URL(path, server.origin), headers: {} },
    { milliseconds: 5_000, largestAnswerBytes: 1_000, origin: server.origin.origin, ...bounds },
  );

describe("where a request may go", () => {
  it.for([
    "http://127.0.0.1:1/", // another port
    "https://127.0.0.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://login.microsoftonline.com.evil.example/",
    "file:///etc/passwd",
  ])("refuses %s, which is not the origin it was given", async (address) => {
    server.script(answerText(200, ""));

    const outcome = boundedRequest(
      { method: "GET", url: new URL(address), headers: {} },
      { milliseconds: 1_000, largestAnswerBytes: 10, origin: server.origin.origin },
    );

    await expect(outcome).rejects.toThrow("unlisted host");
    expect(server.requests).toEqual([]);
  });

  it.for([301, 302, 303, 307, 308])(
    "returns a redirect with %i and does not follow it",
    async (status) => {
      server.script(
        answerText(status, "", { location: "/elsewhere" }),
        answerText(200, "followed"),
      );

      const answer = await request();

      expect(answer).toMatchObject({ status, headers: { location: "/elsewhere" } });
      expect(server.requests).toHaveLength(1);
    },
  );
});

describe("what it sends and returns", () => {
  it("sends method, path, query, headers and body, and returns status, headers and text", async () => {
    server.script(answerText(418, "Grüße", { "Retry-After": "7" }));

    const answer = await boundedRequest(
      {
        method: "POST",
        url: new URL("/a/b?c=d%20e&f=%26", server.origin),
        headers: { "x-test": "yes" },
        body: "ä=1",
      },
      { milliseconds: 5_000, largestAnswerBytes: 1_000, origin: server.origin.origin },
    );

    const [received] = server.requests;
    expect(received).toMatchObject({ method: "POST", path: "/a/b", body: "ä=1" });
    expect(Object.fromEntries(received?.query ?? [])).toEqual({ c: "d e", f: "&" });
    expect(received?.headers).toMatchObject({
      host: server.origin.host,
      "x-test": "yes",
      "content-length": "4",
    });
    expect(answer).toMatchObject({ status: 418, body: "Grüße", headers: { "retry-after": "7" } });
  });

  it("sends its own host and length once, whatever the caller says of them", async () => {
    let fields: readonly string[] = [];
    server.script((response) => {
      fields = response.req.rawHeaders.filter((_, index) => index % 2 === 0);
      response.end();
    });

    await boundedRequest(
      {
        method: "POST",
        url: new URL("/", server.origin),
        headers: { Host: "elsewhere.example", "Content-Length": "1", "x-test": "yes" },
        body: "ä=1",
      },
      { milliseconds: 5_000, largestAnswerBytes: 1_000, origin: server.origin.origin },
    );

    expect(fields.map((name) => name.toLowerCase()).toSorted()).toEqual([
      "connection",
      "content-length",
      "host",
      "x-test",
    ]);
    expect(server.requests[0]).toMatchObject({
      headers: { host: server.origin.host, "content-length": "4" },
      body: "ä=1",
    });
  });

  it.for([{ "x-test": "yes\r\nx-injected: yes" }, { "x-test\r\nx-injected": "yes" }])(
    "sends no field that would be two (%j)",
    async (headers) => {
      server.script(answerText(200, ""));

      const outcome = boundedRequest(
        { method: "GET", url: server.origin, headers },
        { milliseconds: 5_000, largestAnswerBytes: 1_000, origin: server.origin.origin },
      );

      await expect(outcome).rejects.toThrow(NoAnswer);
      expect(server.requests).toEqual([]);
    },
  );

  it("takes an answer of exactly the largest size, and an empty one", async () => {
    server.script(answerText(200, "x".repeat(1_000)), answerText(200, ""));

    expect((await request()).body).toHaveLength(1_000);
    expect((await request()).body).toBe("");
  });

  it("keeps characters whole that arrive in two pieces", async () => {
    const [first, second] = [Buffer.from("€").subarray(0, 1), Buffer.from("€").subarray(1)];
    server.script((response) => {
      response.writeHead(200);
      response.write(first, () => setTimeout(() => response.end(second), 20));
    });

    expect((await request()).body).toBe("€");
  });
});

describe("when there is no whole answer", () => {
  it("gives up a body that is too large, long before all of it came", async () => {
    let sent = 0;
    server.script((response) => {
      response.writeHead(200);
      const more = () => {
        if (response.destroyed || sent > 10_000_000) return response.end();
        sent += 10_000;
        response.write("x".repeat(10_000), more);
      };
      more();
    });

    await expect(request()).rejects.toThrow(NoAnswer);

    expect(sent).toBeLessThan(10_000_000);
  });

  it("gives up a body that is one byte too large", async () => {
    server.script(answerText(200, "x".repeat(1_001)));

    await expect(request()).rejects.toThrow(NoAnswer);
  });

  it.for([
    ["a server that says nothing", saySilence],
    ["a body that comes one byte at a time", drip],
  ] as const)("gives up %s at the deadline", async ([, answer]) => {
    server.script(answer);

    await expect(request("/", { milliseconds: 150 })).rejects.toThrow(NoAnswer);
  });

  it.for([
    ["a connection that is closed without an answer", dropConnection],
    ["a body that breaks off", breakOff],
  ] as const)("says so for %s, and asks once", async ([, answer]) => {
    server.script(answer);

    await expect(request()).rejects.toThrow(NoAnswer);

    expect(server.requests).toHaveLength(1);
  });

  it("says so when nobody listens, without telling the address", async () => {
    const gone = await startScriptedServer();
    await gone.close();

    const outcome = await boundedRequest(
      { method: "GET", url: new URL("/?code=planted", gone.origin), headers: {} },
      { milliseconds: 1_000, largestAnswerBytes: 10, origin: gone.origin.origin },
    ).catch((error: unknown) => error);

    expect(outcome).toBeInstanceOf(NoAnswer);
    expect(String((outcome as NoAnswer).stack)).not.toMatch(/planted|127\.0\.0\.1/);
  });
});

it("depends on no connection of an earlier request, which may be dead after a freeze", async () => {
  const ports: (number | undefined)[] = [];
  const remember = answerJson(200, {});
  server.script((response, received) => {
    ports.push(response.socket?.remotePort);
    remember(response, received);
  });

  await request();
  await request();

  expect(new Set(ports).size).toBe(2);
});

it.for([
  ["an answer", answerText(200, "")],
  ["a connection that is closed without one", dropConnection],
] as const)("leaves no time limit behind that would fire after %s", async ([, answer]) => {
  const set = vi.spyOn(globalThis, "setTimeout");
  const cleared = vi.spyOn(globalThis, "clearTimeout");
  onTestFinished(() => {
    set.mockRestore();
    cleared.mockRestore();
  });
  server.script(answer);

  await request("/", { milliseconds: 4_321 }).catch(() => {});

  const limits = set.mock.calls.flatMap(([, milliseconds], call) =>
    milliseconds === 4_321 ? [set.mock.results[call]?.value] : [],
  );
  expect(limits).toHaveLength(1);
  expect(cleared.mock.calls.flat()).toContain(limits[0]);
});
