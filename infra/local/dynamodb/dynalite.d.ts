declare module "dynalite" {
  import type { Server } from "node:http";

  /** `path`: a LevelDB folder; in memory without it. The `…Ms` are how long a table stays in transition. */
  interface DynaliteOptions {
    path?: string;
    createTableMs?: number;
    deleteTableMs?: number;
    updateTableMs?: number;
  }

  /** Its `close` also closes the store, after the requests under way. */
  export default function dynalite(options?: DynaliteOptions): Server;
}
