import { exec } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import * as z from "zod/mini";

const projectFolder = join(import.meta.dirname, "..");

const lockfile = z.looseObject({
  packages: z.record(z.string(), z.looseObject({ dev: z.optional(z.boolean()) })),
});

const read = async (file: string): Promise<unknown> =>
  JSON.parse(await readFile(join(projectFolder, file), "utf8"));

/**
 * What npm says of the lockfile without all that is for development only. `npm sbom --omit=dev` cannot be asked for that:
 * it leaves out every package that a tool needs as well, jose and zod among them.
 *
 * @see https://github.com/npm/cli/issues/7909
 */
export const sbom = async (): Promise<string> => {
  const manifest = z.looseObject({ name: z.string() }).parse(await read("package.json"));
  const locked = lockfile.parse(await read("package-lock.json"));
  const packages = Object.entries(locked.packages).filter(([, { dev }]) => !dev);
  const work = await mkdtemp(join(tmpdir(), "sbom-"));
  try {
    // npm names the project after its folder.
    const folder = join(work, manifest.name);
    const write = (file: string, content: object) =>
      writeFile(join(folder, file), JSON.stringify(content));
    await mkdir(folder);
    await write("package.json", { ...manifest, devDependencies: {} });
    await write("package-lock.json", { ...locked, packages: Object.fromEntries(packages) });
    const { stdout } = await promisify(exec)(
      "npm sbom --package-lock-only --sbom-format=cyclonedx --sbom-type=application",
      { cwd: folder, maxBuffer: 2 ** 26 },
    );
    return stdout;
  } finally {
    await rm(work, { recursive: true });
  }
};

if (import.meta.main) {
  const folder = join(projectFolder, "dist");
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "sbom.cdx.json"), await sbom());
}
