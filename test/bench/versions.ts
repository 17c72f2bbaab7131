import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod/mini";

const manifest = z.object({ version: z.string() });
const modules = join(import.meta.dirname, "..", "..", "node_modules");

const measured = [
  "@azure/msal-node",
  "@aws-sdk/client-dynamodb",
  "@aws-sdk/client-secrets-manager",
  "better-auth",
  "dynalite",
];

/** Of all that was measured, as installed. */
export const versions = (): Readonly<Record<string, string>> => ({
  "Node.js": process.version.slice(1),
  ...Object.fromEntries(
    measured.map((name) => [
      name,
      manifest.parse(JSON.parse(readFileSync(join(modules, name, "package.json"), "utf8"))).version,
    ]),
  ),
});
