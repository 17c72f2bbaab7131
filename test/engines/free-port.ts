import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";

/** A port nobody listened on a moment ago, for programs that cannot choose one and tell. */
export const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
};
