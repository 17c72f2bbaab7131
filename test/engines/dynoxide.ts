import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "./free-port.ts";

/** The binary is an optional package for one platform; elsewhere it is not there. */
const binary = (): string | undefined => {
  try {
    return createRequire(import.meta.url).resolve("@dynoxide/linux-x64/dynoxide");
  } catch {
    return undefined;
  }
};

export const dynoxideInstalled = (): boolean => binary() !== undefined;

const answers = async (origin: string): Promise<boolean> => {
  try {
    // Any answer will do: DynamoDB refuses a request without a target.
    await fetch(origin, { method: "POST", signal: AbortSignal.timeout(1000) });
    return true;
  } catch {
    return false;
  }
};

const stop = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGKILL"); // it holds nothing that is worth an orderly end
  await exited;
};

/**
 * A second DynamoDB engine, in memory, written independently of the one `npm run dev` uses.
 *
 * @throws if its binary is not installed, see {@link dynoxideInstalled}.
 */
export const startDynoxide = async (): Promise<{ origin: string; close(): Promise<void> }> => {
  const path = binary();
  if (!path) throw new Error("dynoxide is not installed");

  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const child = spawn(path, ["--host", "127.0.0.1", "--port", String(port)], { stdio: "ignore" });

  for (let attempt = 0; attempt < 200; attempt += 1) {
    if (child.exitCode !== null) throw new Error(`dynoxide ended with ${child.exitCode}`);
    if (await answers(origin)) return { origin, close: () => stop(child) };
    await sleep(25);
  }
  await stop(child);
  throw new Error("dynoxide did not answer");
};
