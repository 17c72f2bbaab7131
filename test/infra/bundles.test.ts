import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { Metafile } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as z from "zod/mini";
import { type BuildResult, buildFunctions } from "../../infra/build.ts";

const packageFile = z.object({
  license: z.string(),
  scripts: z.optional(z.record(z.string(), z.string())),
});

const projectFolder = join(import.meta.dirname, "..", "..");

/** Licences that ask for no more than a notice. */
const licences = ["0BSD", "Apache-2.0", "BSD-3-Clause", "ISC", "MIT", "MIT-0"];

/** Where the packages of a file lie, nested copies included, such as `node_modules/a/node_modules/b`. */
const foldersIn = (inputs: Metafile["outputs"][string]["inputs"]): readonly string[] => {
  const folders = Object.entries(inputs)
    .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
    .map(([path]) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path)?.[0]);
  return [...new Set(folders.filter((folder) => folder !== undefined))].toSorted();
};

const nameOf = (folder: string) => folder.split("node_modules/").at(-1) ?? "";

// What packages bring along, by what they are for.
const log = [
  "@aws-lambda-powertools/commons",
  "@aws-lambda-powertools/logger",
  "@aws/lambda-invoke-store",
];
const settings = ["zod"];
const endpoint = ["@middy/core"];
const signer = ["@smithy/core", "@smithy/signature-v4"];
const client = [
  "@aws-sdk/core",
  "@aws-sdk/credential-provider-env",
  "@smithy/node-http-handler",
  "@smithy/types",
];
const items = ["@aws-sdk/util-dynamodb"];
const tables = [
  "@aws-sdk/client-dynamodb",
  "@aws-sdk/dynamodb-codec",
  "@aws-sdk/endpoint-cache",
  "@aws-sdk/middleware-endpoint-discovery",
  "mnemonist",
  "obliterator",
];
const secrets = ["@aws-sdk/client-secrets-manager"];
const invocations = ["@aws-sdk/client-lambda"];
const mail = ["@aws-sdk/client-sesv2", "@aws-sdk/signature-v4-multi-region"];
const freeMail = ["email-providers"];
const jose = ["jose"];
const msal = ["@azure/msal-common", "@azure/msal-node"];
const assertions = [
  "buffer-equal-constant-time",
  "ecdsa-sig-formatter",
  "jsonwebtoken",
  "jwa",
  "jws",
  "lodash.includes",
  "lodash.isboolean",
  "lodash.isinteger",
  "lodash.isnumber",
  "lodash.isplainobject",
  "lodash.isstring",
  "lodash.once",
  "ms",
  "safe-buffer",
  "semver",
];
const every = [log, settings, signer];
const withClient = [...every, client];
const withTables = [...withClient, items, tables];
const http = [...withTables, endpoint];

/** Each file that Lambda loads, with all packages in it. One more needs a reason that convinces a reviewer. */
const expected: Readonly<Record<string, readonly (readonly string[])[]>> = {
  "admin-consent/index.cjs": http,
  "admin-consent-callback/index.cjs": [...http, jose, msal, freeMail],
  "admin-consent-callback/jsonwebtoken.cjs": [assertions],
  "admin-consent-request/index.cjs": [...http, jose, mail, freeMail],
  "approval-status/index.cjs": [...http, freeMail],
  "attempts/index.cjs": [...http, freeMail],
  "callback/index.cjs": [...http, jose],
  "complete/index.cjs": [...http, jose, msal, secrets, freeMail],
  "complete/jsonwebtoken.cjs": [assertions],
  "connections/index.cjs": http,
  "credential-expiry/index.cjs": [...withClient, secrets],
  "disconnect/index.cjs": [...http, secrets],
  "erase-connections/index.cjs": [...withTables, secrets],
  "keep-alive/index.cjs": [...withTables, invocations],
  "mail-events/index.cjs": withTables,
  "require-sign-in/index.cjs": [...withTables, secrets],
  "resume-waiting/index.cjs": [...withTables, mail],
  "rotate-vault-keys/index.cjs": [...withClient, secrets, jose],
  "start/index.cjs": [...http, freeMail, jose],
  "sweep-vault/index.cjs": [...withTables, secrets],
  "token-fetch/index.cjs": [...every, items],
  "token-fetch/jsonwebtoken.cjs": [assertions],
  "token-fetch/refresh.cjs": [...every, items, jose, msal],
};

describe("what the bundles hold", () => {
  let folder = "";
  let built: BuildResult = {};

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "bundles-"));
    built = await buildFunctions({ outFolder: join(folder, "functions") });
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** The folders of the packages in each file that Lambda loads, by `function/file`. */
  const files = () =>
    Object.fromEntries(
      Object.entries(built).flatMap(([name, { outputs }]) =>
        Object.entries(outputs)
          .filter(([path]) => path.endsWith(".cjs"))
          .map(([path, { inputs }]) => [`${name}/${basename(path)}`, foldersIn(inputs)] as const),
      ),
    );

  const packages = (name: string, output = "index.cjs") => {
    const folders = files()[`${name}/${output}`];
    if (!folders) throw new Error(`there is no ${output} of ${name}`);
    return [...new Set(folders.map(nameOf))];
  };

  it("each file holds these packages, those that others bring along included", () => {
    const found = Object.entries(files()).map(([file, folders]) => [
      file,
      [...new Set(folders.map(nameOf))].toSorted(),
    ]);

    const wanted = Object.entries(expected).map(([file, of]) => [file, of.flat().toSorted()]);
    expect(Object.fromEntries(found)).toEqual(Object.fromEntries(wanted));
  });

  it("a fetch that needs no refresh loads neither msal nor any client of the AWS SDK", () => {
    const hot = packages("token-fetch");

    expect(hot).toContain("@smithy/signature-v4");
    expect(hot).not.toContain("@aws-sdk/client-dynamodb");
    expect(hot).not.toContain("@azure/msal-node");
    expect(hot).not.toContain("@azure/msal-common");
    expect(hot).not.toContain("@aws-sdk/client-secrets-manager");
    expect(hot).not.toContain("@middy/core");
  });

  it("the refresh path is a file of its own that holds msal, and no client of the AWS SDK either", () => {
    const refresh = packages("token-fetch", "refresh.cjs");
    const source = readFileSync(
      join(folder, "functions", "token-fetch", "index.bundle.js"),
      "utf8",
    );

    expect(refresh).toContain("@azure/msal-node");
    expect(refresh.filter((name) => name.startsWith("@aws-sdk/client-"))).toEqual([]);
    expect(source).toContain('require("./refresh.cjs")');
  });

  it("only what redeems codes and the refresh path load msal", () => {
    const loading = Object.keys(built).filter((name) =>
      packages(name).includes("@azure/msal-node"),
    );

    expect(loading.toSorted()).toEqual(["admin-consent-callback", "complete"]);
  });

  it("no bundle looks for credentials anywhere but in the environment", () => {
    const chains = Object.keys(built).filter((name) =>
      packages(name).some((found) => /credential-provider-(?!env)/.test(found)),
    );

    expect(chains).toEqual([]);
  });

  it("every package in a bundle has a licence that we may ship, and no install script", () => {
    const all = [...new Set(Object.values(files()).flat())];
    const doubtful = all.flatMap((folder) => {
      const file = packageFile.parse(
        JSON.parse(readFileSync(join(projectFolder, folder, "package.json"), "utf8")),
      );
      const scripts = ["preinstall", "install", "postinstall"].filter(
        (step) => file.scripts?.[step],
      );
      return licences.includes(file.license) && scripts.length === 0
        ? []
        : [`${folder}: ${file.license} ${scripts.join(" ")}`];
    });

    expect(all.length).toBeGreaterThan(0);
    expect(doubtful).toEqual([]);
  });

  // https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html: of files of one name Lambda takes .js, .mjs, .cjs.
  it("the file that Lambda takes for a handler is the one that has it", () => {
    const first = Object.keys(built).map((name) =>
      [".js", ".mjs", ".cjs"].find((end) =>
        existsSync(join(folder, "functions", name, `index${end}`)),
      ),
    );

    expect(new Set(first)).toEqual(new Set([".cjs"]));
  });

  it("source maps stay out of what is deployed", () => {
    const shipped = Object.keys(built).filter((name) =>
      existsSync(join(folder, "functions", name, "index.cjs.map")),
    );

    expect(shipped).toEqual([]);
  });
});
