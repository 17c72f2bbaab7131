import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { promisify } from "node:util";
import dynalite from "dynalite";

export interface RunningDynamoDb {
  /** `http://127.0.0.1:<port>`, for `AWS_ENDPOINT_URL_DYNAMODB`. */
  readonly origin: string;
  /** Waits for requests under way. */
  close(): Promise<void>;
}

/**
 * DynamoDB on loopback, by dynalite. It knows no transactions, no streams and no TTL: what expires is
 * never deleted.
 *
 * @param options.port a free one if absent or 0
 * @param options.folder keeps the tables there, so that a restart finds them; in memory if absent. Only
 *   one process can have it open.
 */
export const startDynamoDb = async (
  options: { readonly port?: number; readonly folder?: string } = {},
): Promise<RunningDynamoDb> => {
  const { port = 0, folder } = options;
  if (folder) await mkdir(folder, { recursive: true });

  const server = dynalite({
    ...(folder ? { path: folder } : {}),
    createTableMs: 0,
    deleteTableMs: 0,
    updateTableMs: 0,
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");

  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: promisify(server.close.bind(server)),
  };
};
