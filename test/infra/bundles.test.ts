import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
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

const packagesIn = (metafile: Metafile, output: string): readonly string[] => {
  const [, bundle] = Object.entries(metafile.outputs).find(([path]) => path.endsWith(output)) ?? [];
  const names = Object.entries(bundle?.inputs ?? {})
    .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
    .map(([path]) => /node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules)/.exec(path)?.[1]);
  return [...new Set(names.filter((name) => name !== undefined))].toSorted();
};

describe("what the bundles hold", () => {
  let folder = "";
  let built: BuildResult = {};

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "bundles-"));
    built = await buildFunctions({ outFolder: join(folder, "functions") });
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const packages = (name: string, output = "index.cjs") => {
    const metafile = built[name];
    if (!metafile) throw new Error(`there is no bundle for ${name}`);
    return packagesIn(metafile, output);
  };

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
    const all = Object.keys(built).flatMap((name) => [
      ...packages(name),
      ...(name === "token-fetch" ? packages(name, "refresh.cjs") : []),
    ]);
    const doubtful = [...new Set(all)].flatMap((name) => {
      const file = packageFile.parse(
        JSON.parse(readFileSync(join(projectFolder, "node_modules", name, "package.json"), "utf8")),
      );
      const scripts = ["preinstall", "install", "postinstall"].filter(
        (step) => file.scripts?.[step],
      );
      return licences.includes(file.license) && scripts.length === 0
        ? []
        : [`${name}: ${file.license} ${scripts.join(" ")}`];
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
