import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

const executablePath = process.env.CHROMIUM || "/usr/bin/chromium";

const ci = process.env.CI === "true";

/** Why there can be no browser tests here; in CI there must be, so there they fail instead. */
export const chromiumIsMissing: string | undefined =
  existsSync(executablePath) || ci ? undefined : `no Chromium at ${executablePath}`;

/** Pictures are for people, and nobody looks at those of CI; a page takes half a second for them. */
export const takesPictures = !ci;

export const launchChromium = (): Promise<Browser> =>
  chromium.launch({
    executablePath,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--disable-dev-shm-usage",
    ],
  });
