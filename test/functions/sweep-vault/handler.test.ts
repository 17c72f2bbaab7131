import { expect, it } from "vitest";
import { sweepVaultHandler } from "../../../functions/sweep-vault/handler.ts";
import { connectionId } from "../../../shared/domain/ids.ts";
import { captureLog } from "../../fakes/captured-log.ts";
import { lambdaContext } from "../../fakes/http-event.ts";
import { noon, secondsAfter } from "../../fakes/samples.ts";

const log = captureLog();

it("names the connection that cannot be read, for the alarm and whoever mends it", async () => {
  const erased: string[] = [];
  const handler = sweepVaultHandler({
    vaults: [
      {
        async *inPart() {
          yield {
            entry: "table:conn_spoiled/1",
            connectionId: connectionId("conn_spoiled"),
            writtenAt: secondsAfter(noon, -90_000),
          };
        },
      },
    ],
    connections: { entryOf: async () => "unreadable" },
    erase: async (entry) => {
      erased.push(entry);
    },
    now: () => noon,
  });

  await handler({}, lambdaContext);

  expect(erased).toEqual([]);
  expect(log.lines().map((line) => JSON.parse(line))).toEqual([
    expect.objectContaining({
      level: "ERROR",
      message: "item cannot be read",
      failure: "item_unreadable",
      item: "conn_spoiled",
    }),
    expect.objectContaining({ level: "INFO", sweptVault: { seen: 1, erased: 0, left: 0 } }),
  ]);
});
