import { mkdir, open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { type StoredSecret, storedSecrets } from "./stored-secrets.ts";

export interface SecretsFile {
  readonly secrets: readonly StoredSecret[];
  /** Replaces the file in one step; writes happen one after the other, in the order of the calls. */
  save(secrets: readonly StoredSecret[]): Promise<void>;
}

const readSecrets = async (path: string): Promise<StoredSecret[]> => {
  try {
    return storedSecrets.parse(JSON.parse(await readFile(path, "utf8")));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw new Error(`The secrets kept in ${path} cannot be read. Delete the file to begin anew.`, {
      cause: error,
    });
  }
};

/** `secrets.json` in the folder, which is created if needed. Only its owner can read the file. */
export const openSecretsFile = async (folder: string): Promise<SecretsFile> => {
  await mkdir(folder, { recursive: true });
  const path = join(folder, "secrets.json");
  const temporary = `${path}.new`;
  let lastWrite: Promise<void> = Promise.resolve();

  const write = async (text: string) => {
    const file = await open(temporary, "w", 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  };

  return {
    secrets: await readSecrets(path),
    save(secrets) {
      const text = JSON.stringify(secrets, null, 2);
      const written = lastWrite.then(() => write(text));
      lastWrite = written.catch(() => {}); // who asked for that write is told; the next one starts afresh
      return written;
    },
  };
};
