import { spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "./free-port.ts";

const executable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

const program = (): string | undefined =>
  (process.env.PATH ?? "")
    .split(delimiter)
    .map((folder) => join(folder, "moto_server"))
    .find(executable);

export const motoInstalled = (): boolean => program() !== undefined;

/**
 * moto, an independent imitation of many AWS services, in memory. For sequential tests: it is not safe
 * under concurrent requests.
 *
 * @throws if it is not installed, see {@link motoInstalled}.
 */
export const startMoto = async (): Promise<{ origin: string; close(): Promise<void> }> => {
  const path = program();
  if (!path) throw new Error("moto_server is not installed");

  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const child = spawn(path, ["-H", "127.0.0.1", "-p", String(port)], { stdio: "ignore" });
  const close = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill("SIGKILL"); // it holds nothing that is worth an orderly end
    await exited;
  };

  for (let attempt = 0; attempt < 300; attempt += 1) {
    if (child.exitCode !== null) throw new Error(`moto_server ended with ${child.exitCode}`);
    const ready = await fetch(`${origin}/moto-api/data.json`).then(
      (response) => response.ok,
      () => false,
    );
    if (ready) return { origin, close };
    await sleep(100);
  }
  await close();
  throw new Error("moto_server did not answer");
};
