import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { copyFile, mkdir, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { build, type Metafile, type Plugin } from "esbuild";
import { noticesFile, thirdPartyNotices } from "./third-party-notices.ts";

const projectFolder = join(import.meta.dirname, "..");

/** Where the bundles go: one folder for each function, which is the code of that function on AWS. */
export const bundlesFolder = join(projectFolder, "dist", "functions");

export interface BuildOptions {
  /** Holds a folder for each function. */
  readonly functionsFolder?: string;
  readonly outFolder?: string;
}

/** What esbuild tells of each function's bundles: which module weighs how much in which of them. */
export type BuildResult = Readonly<Record<string, Metafile>>;

/**
 * Lambda always hands credentials over in the environment, so the chain that looks for them in files, SSO and
 * metadata services stays out of the bundles.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
 */
const environmentCredentials: Plugin = {
  name: "environment-credentials",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^@aws-sdk\/credential-provider-node$/ }, () => ({
      path: "credentials",
      namespace: "environment-credentials",
    }));
    onLoad({ filter: /.*/, namespace: "environment-credentials" }, () => ({
      contents: 'export { fromEnv as defaultProvider } from "@aws-sdk/credential-provider-env";',
      resolveDir: projectFolder,
    }));
  },
};

/**
 * A second entry stays a file of its own, loaded when it is first needed: bundled into one file, even a
 * module that is not evaluated costs a cold start its parsing.
 */
const secondEntry: Plugin = {
  name: "second-entry",
  setup({ onResolve }) {
    onResolve({ filter: /^\.\/refresh\.ts$/ }, ({ kind }) =>
      kind === "dynamic-import" ? { path: "./refresh.cjs", external: true } : undefined,
    );
  },
};

/**
 * msal signs the assertions of certificates with a package that brings twelve others. It stays a file of its own, loaded
 * when the first one is signed.
 */
const assertionSigner: Plugin = {
  name: "assertion-signer",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^jsonwebtoken$/ }, ({ kind }) =>
      kind === "entry-point" ? undefined : { path: "jsonwebtoken", namespace: "assertion-signer" },
    );
    onResolve({ filter: /^\.\/jsonwebtoken\.cjs$/ }, ({ path }) => ({ path, external: true }));
    onLoad({ filter: /.*/, namespace: "assertion-signer" }, () => ({
      contents:
        'export default new Proxy({}, { get: (_, name) => require("./jsonwebtoken.cjs")[name] });',
    }));
  },
};

/** Where a cold start matters most. */
const tunedFunctions = ["token-fetch"];

/** The SDK's clients give way to small ones of ours that speak the same protocol. */
const smallClients: Plugin = {
  name: "small-clients",
  setup({ onResolve }) {
    onResolve({ filter: /^@aws-sdk\/client-(dynamodb|secrets-manager)$/ }, ({ path }) => ({
      path: join(
        projectFolder,
        "shared",
        "adapters",
        "aws-json",
        `${path.slice("@aws-sdk/client-".length)}.ts`,
      ),
    }));
  },
};

/**
 * Adds what V8 makes of a bundle, for machines of this architecture with this version of V8. The bundle is not
 * `index.js` then: Lambda would take that before `index.cjs`.
 */
const addCodeCache = async (target: string, entry: string): Promise<void> => {
  const parts = join(import.meta.dirname, "code-cache");
  const bundle = join(target, `${entry}.bundle.js`);
  const [v8] = process.versions.v8.split("-");
  const loader = join(target, `${entry}.cjs`);
  await promisify(execFile)(
    process.execPath,
    [
      ...["--hash-seed=1", "--random-seed=1", join(parts, "write.cjs")],
      ...[loader, bundle, `${bundle}.${process.arch}-${v8}`],
    ],
    { env: {} },
  );
  await copyFile(join(parts, "load.cjs"), loader);
};

const entriesOf = (folder: string): readonly string[] =>
  ["index", "refresh"].filter((entry) => existsSync(join(folder, `${entry}.ts`)));

const bundle = (source: string, target: string, entries: readonly string[]) =>
  build({
    absWorkingDir: projectFolder,
    entryPoints: entries.map((entry) => ({ in: entry, out: basename(entry, ".ts") })),
    outdir: target,
    outExtension: { ".js": ".cjs" },
    bundle: true,
    platform: "node",
    target: "node24",
    // CommonJS, and `import()` as `require()`: an import of `node:http` as an ES module evaluates all of its
    // lazy parts, undici among them, which costs a cold start more than 10 ms.
    format: "cjs",
    supported: { "dynamic-import": false },
    mainFields: ["module", "main"],
    minify: true,
    treeShaking: true,
    legalComments: "none",
    // For reading stack traces offline. Lambda gets no map: enabling them costs every cold start.
    sourcemap: "external",
    metafile: true,
    write: false,
    logLevel: "warning",
    plugins: [
      environmentCredentials,
      secondEntry,
      assertionSigner,
      ...(tunedFunctions.includes(basename(source)) ? [smallClients] : []),
    ],
  });

/** Of a function that loads msal: it may sign assertions. */
const signsAssertions = ({ outputs }: Metafile): boolean =>
  Object.values(outputs).some(({ imports }) =>
    imports.some(({ path }) => path === "./jsonwebtoken.cjs"),
  );

const buildFunction = async (source: string, target: string): Promise<Metafile> => {
  const entries = entriesOf(source).map((entry) => join(source, `${entry}.ts`));
  let built = await bundle(source, target, entries);
  if (signsAssertions(built.metafile)) {
    built = await bundle(source, target, [...entries, "jsonwebtoken"]);
  }
  const { metafile, outputFiles } = built;
  await rm(target, { recursive: true, force: true });
  const maps = join(dirname(target), "..", "maps", target.slice(dirname(target).length + 1));
  await Promise.all([mkdir(target, { recursive: true }), mkdir(maps, { recursive: true })]);
  await Promise.all([
    ...outputFiles.map(({ path, contents }) =>
      writeFile(path.endsWith(".map") ? join(maps, path.slice(target.length + 1)) : path, contents),
    ),
    writeFile(join(target, noticesFile), thirdPartyNotices(metafile)),
  ]);
  if (tunedFunctions.includes(basename(source))) {
    await Promise.all(entriesOf(source).map((entry) => addCodeCache(target, entry)));
  }
  return metafile;
};

/** Bundles each function; the same sources give the same bytes. */
export const buildFunctions = async ({
  functionsFolder = join(projectFolder, "functions"),
  outFolder = bundlesFolder,
}: BuildOptions = {}): Promise<BuildResult> => {
  const names = readdirSync(functionsFolder).filter((name) =>
    existsSync(join(functionsFolder, name, "index.ts")),
  );
  const built = await Promise.all(
    names.map(
      async (name) =>
        [name, await buildFunction(join(functionsFolder, name), join(outFolder, name))] as const,
    ),
  );
  return Object.fromEntries(built);
};

if (import.meta.main) await buildFunctions();
