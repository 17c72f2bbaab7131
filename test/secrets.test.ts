import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const root = join(import.meta.dirname, "..");

/** What secrets look like that have come into repositories by mistake. */
const shapes: Readonly<Record<string, RegExp>> = {
  "private key": /-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----(?:\s|\\n)*[A-Za-z0-9+/=]{32}/,
  // Examples in AWS's documentation end so.
  "AWS access key": /\b(?:AKIA|ASIA)(?![0-9A-Z]{9}EXAMPLE\b)[0-9A-Z]{16}\b/,
  "Microsoft client secret": /(?<![\w~.-])[\w~.-]{3}\dQ~[\w~.-]{34}(?![\w~.-])/,
  JWT: /\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}/,
  "npm or GitHub token": /\b(?:npm|gh[oprsu])_[A-Za-z0-9]{36}\b/,
};

const shapesIn = (text: string): readonly string[] =>
  Object.entries(shapes)
    .filter(([, shape]) => shape.test(text))
    .map(([name]) => name);

const pem = (type: string, lines: string) => `-----BEGIN ${type}-----${lines}-----END ${type}-----`;
const base64url = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");

// Put together here, so that this file holds none.
it.for([
  ["private key", pem("PRIVATE KEY", `\n${"MIIEvQIBADANBgkq".repeat(4)}\n`)],
  ["private key", JSON.stringify(pem("RSA PRIVATE KEY", `\n${"MIIEvQIBADANBgkq".repeat(4)}\n`))],
  ["AWS access key", `key: ${"AKIA"}${"Z7".repeat(8)}`],
  ["Microsoft client secret", `"${"Kx8"}${"8Q~"}${"aB3-_.~".repeat(5).slice(0, 34)}"`],
  ["JWT", [base64url({ alg: "RS256" }), base64url({ sub: "somebody" }), "x".repeat(43)].join(".")],
  ["npm or GitHub token", `//registry.npmjs.org/:_authToken=${"npm"}_${"a1".repeat(18)}`],
] as const)("a %s is known by its shape", ([shape, text]) => {
  expect(shapesIn(text)).toEqual([shape]);
});

it("no file of the repository holds a secret", async (context) => {
  context.skip(!existsSync(join(root, ".git")), "this is no checkout");
  const { stdout } = await promisify(execFile)(
    "git",
    ["ls-files", "-z", "--cached", "--others", "--exclude-standard"],
    { cwd: root, maxBuffer: 2 ** 26 },
  );
  const files = stdout.split("\0").filter((file) => file && existsSync(join(root, file)));

  const holding = await Promise.all(
    files.map(async (file) => {
      const found = shapesIn(await readFile(join(root, file), "latin1"));
      return found.map((shape) => `${file}: ${shape}`);
    }),
  );

  expect(files).toContain("package.json");
  expect(holding.flat()).toEqual([]);
});
