import type { Server } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { promisify } from "node:util";
import type { Config } from "aws-ses-v2-local";

/** Required, not imported: Node and Vitest disagree on what the default import of this CommonJS module is. */
const { default: startSes }: { default(config: Config): Promise<Server> } = createRequire(
  import.meta.url,
)("aws-ses-v2-local");

/** How many share the mails of this process. */
let instances = 0;

/**
 * Amazon SES on loopback, by aws-ses-v2-local. Nothing is sent: the page at `/` shows the mails, and
 * `GET /store` returns them, those of every instance in this process; they are gone when the last of these has closed. It
 * accepts any sender and recipient, which SES does not.
 *
 * @param options.port a free one if absent or 0
 */
export const startMail = async (
  options: { readonly port?: number } = {},
): Promise<{ readonly origin: string; close(): Promise<void> }> => {
  const server = await startSes({ host: "127.0.0.1", port: options.port ?? 0 });
  // It reports a port that is taken to its own callback only, and hands out the server all the same.
  if (!server.listening) throw new Error(`The mail server cannot listen on port ${options.port}.`);

  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  instances += 1;
  return {
    origin,
    close: async () => {
      instances -= 1;
      if (instances === 0) await fetch(`${origin}/clear-store`, { method: "POST" });
      const closed = promisify(server.close.bind(server))();
      server.closeAllConnections();
      return closed;
    },
  };
};
