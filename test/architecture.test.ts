import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "..");

/** A kind of file, and the kinds that it may import. */
const layers: readonly {
  readonly name: string;
  readonly files: RegExp;
  readonly mayImport: readonly RegExp[];
  /** Packages and builtins; everything where it is left out. */
  readonly packages?: readonly RegExp[];
}[] = [
  {
    name: "the domain imports nothing of ours but itself, and no SDK",
    files: /^shared\/domain\//,
    mayImport: [/^shared\/domain\//],
    packages: [/^node:(crypto|url|util)$/],
  },
  {
    name: "adapters know the domain and each other",
    files: /^shared\/adapters\//,
    mayImport: [/^shared\/domain\//, /^shared\/adapters\//],
  },
  {
    name: "pages know nothing",
    files: /^shared\/pages\//,
    mayImport: [/^shared\/pages\//],
    packages: [/^node:crypto$/],
  },
  {
    name: "mails know the domain and how markup is made",
    files: /^shared\/mails\//,
    mayImport: [/^shared\/(domain|mails)\//, /^shared\/pages\/html\.ts$/],
    packages: [],
  },
  {
    name: "http knows the domain and the logger",
    files: /^shared\/http\//,
    mayImport: [/^shared\/(domain|http|pages)\//, /^shared\/logger\.ts$/],
  },
  {
    name: "settings know no code of ours",
    files: /^(shared\/config|functions\/[^/]+\/env)\.ts$/,
    mayImport: [/^shared\/config\.ts$/],
    packages: [/^zod\/mini$/],
  },
  {
    name: "a function's index wires everything",
    files: /^functions\/[^/]+\/(index|refresh)\.ts$/,
    mayImport: [/^shared\//, /^functions\//],
  },
  {
    name: "a handler knows its use case and http",
    files: /^functions\/[^/]+\/handler\.ts$/,
    mayImport: [/^shared\/(domain|http|mails|pages)\//, /^shared\/logger\.ts$/, /^functions\//],
    packages: [/^zod\/mini$/, /^aws-lambda$/],
  },
  {
    name: "a use case, and what it is made of, knows the domain",
    files: /^functions\/[^/]+\/(?!(?:index|refresh|handler|env)\.ts)[^/]+\.ts$/,
    mayImport: [/^shared\/domain\//, /^shared\/http\/api-ids\.ts$/, /^functions\//],
    packages: [/^node:crypto$/, /^zod\/mini$/],
  },
  {
    name: "infrastructure knows the functions by their settings",
    files: /^infra\//,
    mayImport: [
      /^infra\//,
      /^functions\/[^/]+\/env\.ts$/,
      /^shared\/domain\/(permissions|secret)\.ts$/,
      /^shared\/pages\/html\.ts$/,
      /^shared\/worker\//,
    ],
  },
  {
    name: "what workers import stands alone",
    files: /^shared\/worker\//,
    mayImport: [],
    packages: [/^node:timers\/promises$/, /^@aws-sdk\/client-lambda$/, /^zod\/mini$/],
  },
];

const sourceFiles = ["functions", "infra", "shared"].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts"))
    .map((path) => join(folder, path)),
);

const importsOf = (file: string): readonly string[] => {
  const source = readFileSync(join(root, file), "utf8");
  const named = source.matchAll(
    /^(?:import|export)\s[^;]*?from\s+"([^"]+)"|\bimport\("([^"]+)"\)/gm,
  );
  return [...named].map(([, from, dynamic]) => from ?? dynamic ?? "");
};

const layerOf = (file: string) => layers.find(({ files }) => files.test(file));

const breaches = (file: string): readonly string[] => {
  const layer = layerOf(file);
  if (!layer) return [];
  return importsOf(file).filter((imported) => {
    if (!imported.startsWith(".")) {
      return layer.packages && !layer.packages.some((allowed) => allowed.test(imported));
    }
    const target = normalize(join(dirname(file), imported));
    return !layer.mayImport.some((allowed) => allowed.test(target));
  });
};

describe("imports point inwards", () => {
  it.for(layers.map(({ name, files }) => ({ name, files })))("$name", ({ files }) => {
    const covered = sourceFiles.filter((file) => files.test(file));

    const found = covered.flatMap((file) =>
      breaches(file).map((imported) => `${file} imports ${imported}`),
    );

    expect(covered).not.toEqual([]);
    expect(found).toEqual([]);
  });

  it("every source file belongs to a layer", () => {
    const loose = sourceFiles.filter((file) => !layerOf(file) && file !== "shared/logger.ts");

    expect(loose).toEqual([]);
  });

  it("no function imports another function", () => {
    const crossing = sourceFiles
      .filter((file) => file.startsWith("functions/"))
      .flatMap((file) =>
        importsOf(file)
          .filter((imported) => imported.startsWith("."))
          .map((imported) => normalize(join(dirname(file), imported)))
          .filter((target) => target.startsWith("functions/") && dirname(target) !== dirname(file))
          .map((target) => `${file} imports ${target}`),
      );

    expect(crossing).toEqual([]);
  });

  it("every client of msal lives for one call", () => {
    const makers = sourceFiles.filter(
      (file) =>
        !file.startsWith("infra/") &&
        /new ConfidentialClientApplication/.test(readFileSync(join(root, file), "utf8")),
    );
    const source = readFileSync(join(root, "shared/adapters/microsoft/msal-exchange.ts"), "utf8");

    expect(makers).toEqual(["shared/adapters/microsoft/msal-exchange.ts"]);
    expect(source).not.toMatch(/^(export )?(const|let) \w+ = new ConfidentialClientApplication/m);
  });
});
