import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as z from "zod/mini";
import { type BuildResult, buildFunctions } from "../../infra/build.ts";
import { sbom } from "../../infra/sbom.ts";
import { noticesFile, packageFoldersIn } from "../../infra/third-party-notices.ts";

const packageFile = z.object({
  name: z.string(),
  version: z.string(),
  license: z.string(),
  scripts: z.optional(z.record(z.string(), z.string())),
});

const projectFolder = join(import.meta.dirname, "..", "..");

const bill = z.object({
  components: z.array(z.object({ name: z.string(), version: z.string() })),
});

/** Licences that ask for no more than a notice. */
const licences = ["0BSD", "Apache-2.0", "BSD-3-Clause", "ISC", "MIT", "MIT-0"];

const described = (folder: string) =>
  packageFile.parse(JSON.parse(readFileSync(join(projectFolder, folder, "package.json"), "utf8")));

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
          .map(
            ([path, { inputs }]) =>
              [`${name}/${basename(path)}`, packageFoldersIn(inputs)] as const,
          ),
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
      const file = described(folder);
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

  it("every package in a bundle is in the SBOM, in its version", async () => {
    const named = bill
      .parse(JSON.parse(await sbom()))
      .components.map(({ name, version }) => `${name}@${version}`);
    const held = [...new Set(Object.values(files()).flat())].map((folder) => {
      const { name, version } = described(folder);
      return `${name}@${version}`;
    });

    expect(held.filter((one) => !named.includes(one))).toEqual([]);
  });

  describe("the notices beside a function's code", () => {
    const noticesOf = (name: string) =>
      readFileSync(join(folder, "functions", name, noticesFile), "utf8");
    const foldersOf = (name: string) =>
      Object.entries(files())
        .filter(([file]) => dirname(file) === name)
        .flatMap(([, folders]) => folders);
    /** What stands under the line that names a package, down to the next rule. */
    const textUnder = (notices: string, heading: string) => {
      const section = notices.split(/^-{80}$/m).find((part) => part.includes(`\n${heading}\n`));
      return section?.split("\n\n").slice(1).join("\n\n").trim();
    };
    const headingOf = (of: string) => {
      const { name, version, license } = described(of);
      return `${name} ${version} (${license})`;
    };

    it("name all packages in it and no other, in their versions, nested copies included", () => {
      const named = Object.keys(built).map((name) => [
        name,
        (noticesOf(name).match(/^\S+ \d+\.\d+\.\d+\S* \([^)]+\)$/gm) ?? []).toSorted(),
      ]);

      const wanted = Object.keys(built).map((name) => [
        name,
        [...new Set(foldersOf(name).map(headingOf))].toSorted(),
      ]);
      expect(Object.fromEntries(named)).toEqual(Object.fromEntries(wanted));
      // npm nests a second version of it.
      expect(noticesOf("complete")).toMatch(/^@smithy\/signature-v4 5.*\n@smithy\/signature-v4 5/m);
    });

    it("hold the licence of each to the letter, and the author where the package brings no text", () => {
      const without = new Map<string, string | undefined>();
      for (const name of Object.keys(built)) {
        for (const of of foldersOf(name)) {
          const [file] = readdirSync(join(projectFolder, of)).filter((found) =>
            /^licen[cs]e/i.test(found),
          );
          const text = textUnder(noticesOf(name), headingOf(of));
          if (file === undefined) without.set(nameOf(of), text);
          else expect(text).toBe(readFileSync(join(projectFolder, of, file), "utf8").trim());
        }
      }

      const aws = "Author: Amazon Web Services (https://aws.amazon.com)";
      expect(Object.fromEntries(without)).toEqual({
        "@aws-lambda-powertools/commons": aws,
        "@aws-lambda-powertools/logger": aws,
        "@middy/core":
          "Author: Middy contributors (https://github.com/middyjs/middy/graphs/contributors)",
      });
    });

    it("are loaded by nothing", () => {
      const loading = Object.keys(built).flatMap((name) => {
        const all = readdirSync(join(folder, "functions", name)).filter((file) =>
          /\.c?js$/.test(file),
        );
        return all.filter((file) =>
          readFileSync(join(folder, "functions", name, file), "utf8").includes(noticesFile),
        );
      });

      expect(loading).toEqual([]);
    });
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
