import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import * as z from "zod/mini";
import { sbom } from "../../infra/sbom.ts";

const cycloneDx = z.object({
  bomFormat: z.literal("CycloneDX"),
  metadata: z.object({ component: z.object({ name: z.string(), version: z.string() }) }),
  components: z.array(
    z.object({
      purl: z.string(),
      hashes: z.array(z.object({ alg: z.literal("SHA-512"), content: z.string() })),
      licenses: z.array(z.unknown()),
    }),
  ),
});

const lockfile = z.object({
  packages: z.record(
    z.string(),
    z.object({
      version: z.string(),
      dev: z.optional(z.boolean()),
      integrity: z.optional(z.string()),
    }),
  ),
});

it("names all packages of the lockfile that are not for development only, with their hashes", async () => {
  const { packages } = lockfile.parse(
    JSON.parse(readFileSync(join(import.meta.dirname, "..", "..", "package-lock.json"), "utf8")),
  );

  const { metadata, components } = cycloneDx.parse(JSON.parse(await sbom()));

  const locked = Object.entries(packages)
    .filter(([path, { dev }]) => path !== "" && !dev)
    .map(([path, { version, integrity = "" }]) => {
      const name = path.split("node_modules/").at(-1)?.replace("@", "%40");
      const hash = Buffer.from(integrity.slice("sha512-".length), "base64").toString("hex");
      return `pkg:npm/${name}@${version} ${hash}`;
    });
  const named = components.map(({ purl, hashes }) => `${purl} ${hashes[0]?.content}`);
  expect(new Set(named)).toEqual(new Set(locked));
  expect(components.filter(({ licenses }) => licenses.length === 0)).toEqual([]);
  expect(metadata.component.name).toBe("outlook-connect");
});
