import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import * as z from "zod/mini";

const root = join(import.meta.dirname, "..");
const read = (file: string): unknown => JSON.parse(readFileSync(join(root, file), "utf8"));

const versions = z.record(z.string(), z.string());
const manifest = z
  .object({
    private: z.literal(true),
    dependencies: versions,
    devDependencies: versions,
    optionalDependencies: versions,
  })
  .parse(read("package.json"));

const lockfile = z
  .object({
    packages: z.record(
      z.string(),
      z.object({
        integrity: z.optional(z.string()),
        resolved: z.optional(z.string()),
        inBundle: z.optional(z.boolean()),
        hasInstallScript: z.optional(z.boolean()),
      }),
    ),
  })
  .parse(read("package-lock.json"));

// What is bundled in another package is covered by that package's hash.
const locked = Object.entries(lockfile.packages).filter(
  ([path, { inBundle }]) => path !== "" && !inBundle,
);

describe("what is installed", () => {
  it("is named by exact versions", () => {
    const all = {
      ...manifest.dependencies,
      ...manifest.devDependencies,
      ...manifest.optionalDependencies,
    };
    const loose = Object.entries(all).filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version));

    expect(loose).toEqual([]);
  });

  it("is what the lockfile's hashes say, from wherever npm is told to look", () => {
    const unproved = locked.filter(([, { integrity }]) => !integrity?.startsWith("sha512-"));
    const fromElsewhere = locked.filter(
      ([, { resolved }]) => resolved && !resolved.startsWith("https://registry.npmjs.org/"),
    );

    expect(unproved.map(([path]) => path)).toEqual([]);
    expect(fromElsewhere.map(([path]) => path)).toEqual([]);
  });

  it("runs no script of its own", () => {
    expect(readFileSync(join(root, ".npmrc"), "utf8")).toMatch(/^ignore-scripts=true$/m);
  });

  it("needs none of the install scripts that packages bring", () => {
    const withScript = Object.entries(lockfile.packages).filter(
      ([, { hasInstallScript }]) => hasInstallScript,
    );

    expect(withScript.map(([path]) => path)).toEqual([
      "node_modules/classic-level", // compiles itself where it has no binary for the machine; dynalite stores in it
      "node_modules/esbuild", // fetches its binary where npm was told to leave that out
    ]);
  });

  it("is what Lambda loads, and each has its reason", () => {
    expect(Object.keys(manifest.dependencies)).toEqual([
      "@aws-lambda-powertools/logger", // structured logs with the request id
      "@aws-sdk/client-dynamodb", // attempts and connections
      "@aws-sdk/client-lambda", // keep-alive has token-fetch refresh what nobody uses
      "@aws-sdk/client-secrets-manager", // the token vault; loaded by a refresh, complete and disconnect
      "@aws-sdk/client-sesv2", // mails to administrators and those who wait; two functions load it
      "@aws-sdk/credential-provider-env", // Lambda's credentials, and no search for others
      "@aws-sdk/util-dynamodb", // items to objects and back
      "@azure/msal-node", // requests to Microsoft's token endpoint
      "@middy/core", // what all HTTP endpoints share
      "@smithy/core", // with the next two: GetSecretValue without a second client
      "@smithy/signature-v4",
      "email-providers", // where anybody may have an address, no organisation is to be asked
      "jose", // ID tokens, and the seal of what is stored
      "zod", // parsing at the edges
    ]);
  });
});
