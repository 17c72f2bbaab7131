import { randomUUID } from "node:crypto";
import { expect, it } from "vitest";
import { connectionId } from "../../../shared/domain/ids.ts";
import {
  keepAliveAt,
  keepAliveShards,
  keptAliveAgainAt,
  shardOf,
} from "../../../shared/domain/keep-alive.ts";
import { noon, secondsAfter } from "../../fakes/samples.ts";

const day = 24 * 3600;
const many = Array.from({ length: 4_000 }, () => connectionId(`conn_${randomUUID()}`));

it("connections that were connected together are due at all times between seven and fourteen days", () => {
  const days = many.map((id) => (keepAliveAt(id, noon).getTime() - noon.getTime()) / 1000 / day);

  expect(Math.min(...days)).toBeGreaterThanOrEqual(7);
  expect(Math.max(...days)).toBeLessThanOrEqual(14);
  // Of seven days each gets about a seventh.
  for (let from = 7; from < 14; from += 1) {
    const share = days.filter((each) => each >= from && each < from + 1).length / many.length;
    expect(share).toBeGreaterThan(0.1);
    expect(share).toBeLessThan(0.19);
  }
});

it("a connection is always due at the same age, so that writing it again changes nothing", () => {
  for (const id of many.slice(0, 20)) expect(keepAliveAt(id, noon)).toEqual(keepAliveAt(id, noon));
});

it("every queue has its share, whenever it is due", () => {
  for (const shard of keepAliveShards) {
    const ofShard = many.filter((id) => shardOf(id) === shard);
    const early = ofShard.filter((id) => keepAliveAt(id, noon) < secondsAfter(noon, 10.5 * day));

    expect(ofShard.length / many.length).toBeGreaterThan(0.08);
    expect(ofShard.length / many.length).toBeLessThan(0.17);
    expect(early.length / ofShard.length).toBeGreaterThan(0.35);
    expect(early.length / ofShard.length).toBeLessThan(0.65);
  }
});

it("whoever was refused is tried again in a day or so, and never before Microsoft said", () => {
  for (const id of many.slice(0, 100)) {
    const again = keptAliveAgainAt(id, noon, undefined);
    expect(again.getTime()).toBeGreaterThanOrEqual(secondsAfter(noon, day / 2).getTime());
    expect(again.getTime()).toBeLessThanOrEqual(secondsAfter(noon, 1.5 * day).getTime());
    expect(keptAliveAgainAt(id, noon, secondsAfter(noon, 3 * day))).toEqual(
      secondsAfter(noon, 3 * day),
    );
  }
});
