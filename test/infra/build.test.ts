import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type BuildResult, buildFunctions } from "../../infra/build.ts";

// Inside the project, where what the functions import is found.
const folder = join(import.meta.dirname, "..", "..", "dist");

describe("bundles of functions", () => {
  let work: string;
  let built: BuildResult;

  beforeAll(async () => {
    mkdirSync(folder, { recursive: true });
    work = mkdtempSync(join(folder, "build-test-"));
    const sources: Readonly<Record<string, string>> = {
      "fetch/index.ts": `
        import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
        export { noted } from "noted";
        import "unused";
        const client = new DynamoDBClient({});
        export const handler = () => client.config.credentials();
        export const refreshed = async () => (await import("./refresh.ts")).refresh();`,
      "fetch/refresh.ts": `export const refresh = (): string => "refreshed by its own bundle";`,
      "fetch/node_modules/noted/package.json": JSON.stringify({
        name: "noted",
        version: "1.2.3",
        license: "Apache-2.0",
      }),
      "fetch/node_modules/noted/index.js": "export const noted = 1;",
      "fetch/node_modules/noted/NOTICE.txt": "Made by others\r\nas well.\r\n",
      "fetch/node_modules/noted/LICENSE": "Do as you like.\n",
      "fetch/node_modules/noted/licenses.js": "export const none = 1;",
      "fetch/node_modules/unused/package.json": JSON.stringify({
        name: "unused",
        version: "1.0.0",
        license: "MIT",
      }),
      "fetch/node_modules/unused/index.js": "export const unused = 1;",
      "unfinished/handler.ts": `export const handler = 1;`,
    };
    for (const [path, source] of Object.entries(sources)) {
      mkdirSync(join(work, "functions", path, ".."), { recursive: true });
      writeFileSync(join(work, "functions", path), source);
    }
    built = await build("once");
  });
  afterAll(() => rmSync(work, { recursive: true }));

  const build = (name: string) =>
    buildFunctions({
      functionsFolder: join(work, "functions"),
      outFolder: join(work, name, "functions"),
    });
  const bundle = (name: string, file: string) =>
    readFileSync(join(work, name, "functions", "fetch", file), "utf8");
  /** What an expression on the bundle `b` comes to, in a process such as Lambda's. */
  const evaluate = (expression: string, env: Readonly<Record<string, string>> = {}) =>
    execFileSync(
      process.execPath,
      [
        "-e",
        `const b = require("./index.cjs"); Promise.resolve(${expression}).then((value) => console.log(JSON.stringify(value)))`,
      ],
      {
        cwd: join(work, "once", "functions", "fetch"),
        env: { AWS_REGION: "eu-central-1", ...env },
      },
    ).toString();

  it("are made of each folder with an index, and hold code and its notices, nothing else", () => {
    expect(readdirSync(join(work, "once", "functions"))).toEqual(["fetch"]);
    expect(readdirSync(join(work, "once", "functions", "fetch")).toSorted()).toEqual([
      "THIRD-PARTY-NOTICES.txt",
      "index.cjs",
      "refresh.cjs",
    ]);
    expect(bundle("once", "index.cjs")).not.toContain("sourceMappingURL");
  });

  it("have beside them the licence and the notice of each package that is in them", () => {
    const notices = bundle("once", "THIRD-PARTY-NOTICES.txt");

    expect(notices).toMatch(
      /\nnoted 1\.2\.3 \(Apache-2\.0\)\n\nDo as you like\.\n\nMade by others\nas well\.\n\n-{80}\n/,
    );
    expect(notices).not.toContain("unused 1.0.0");
  });

  it("leave the second entry to be loaded when it is needed", () => {
    expect(bundle("once", "index.cjs")).toContain('require("./refresh.cjs")');
    expect(bundle("once", "index.cjs")).not.toContain("refreshed by its own bundle");
    expect(evaluate("b.refreshed()")).toContain("refreshed by its own bundle");
  });

  it("take credentials from the environment, as Lambda gives them, and look nowhere else", () => {
    const credentials = evaluate("b.handler()", {
      AWS_ACCESS_KEY_ID: "key id",
      AWS_SECRET_ACCESS_KEY: "access key",
      AWS_SESSION_TOKEN: "session",
    });
    const modules = Object.keys(built.fetch?.inputs ?? {});

    expect(JSON.parse(credentials)).toMatchObject({
      accessKeyId: "key id",
      secretAccessKey: "access key",
      sessionToken: "session",
    });
    expect(modules.filter((path) => path.includes("credential-provider-env"))).not.toEqual([]);
    expect(
      modules.filter((path) => /credential-provider-(node|sso|ini|process|login)|sso/.test(path)),
    ).toEqual([]);
  });

  it("load Node.js's modules by require, which is faster than import", () => {
    expect(bundle("once", "index.cjs")).not.toMatch(/\bimport\(/);
  });

  it("are the same bytes for the same sources", async () => {
    await build("again");

    for (const file of readdirSync(join(work, "once", "functions", "fetch"))) {
      expect(bundle("again", file)).toBe(bundle("once", file));
    }
  });
});
