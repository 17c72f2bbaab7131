import { expect, it } from "vitest";
import { inMemoryTokenCache } from "../../../functions/token-fetch/token-cache.ts";
import { connectionId, workspaceId } from "../../../shared/domain/ids.ts";
import { Secret } from "../../../shared/domain/secret.ts";
import { alice, alicesConnection, noon, secondsAfter } from "../../fakes/samples.ts";

const owner = { connectionId: alicesConnection, workspaceId: alice.workspaceId };
const token = {
  accessToken: new Secret("t"),
  expiresAt: secondsAfter(noon, 3600),
  scopes: ["Mail.Send"],
};

const remembering = () => {
  const cache = inMemoryTokenCache();
  cache.set(owner, token, noon);
  return cache;
};

it.for([
  [0, true],
  [30, true],
  [30.001, false],
  [-1, false],
] as const)("a token that was read %d seconds ago is trusted: %s", ([seconds, isTrusted]) => {
  const found = remembering().get(owner, 300, secondsAfter(noon, seconds));

  expect(found !== undefined).toBe(isTrusted);
  if (found) expect(found).toMatchObject(token);
});

it.for([
  [3_590, true],
  [3_590.001, false],
] as const)("a token with 3,590 seconds left serves who needs %d: %s", ([needed, isServed]) => {
  const found = remembering().get(owner, needed, secondsAfter(noon, 10));

  expect(found !== undefined).toBe(isServed);
});

it("a token is remembered for its connection and its workspace only", () => {
  const cache = remembering();

  const others = [
    { ...owner, workspaceId: workspaceId("ws_south") },
    { ...owner, connectionId: connectionId("conn_other") },
    { connectionId: connectionId(owner.workspaceId), workspaceId: workspaceId(owner.connectionId) },
  ];

  for (const other of others) expect(cache.get(other, 0, noon)).toBeUndefined();
});

it("the newest of two is remembered, with the time at which it was read", () => {
  const cache = remembering();
  cache.set(owner, { ...token, accessToken: new Secret("newer") }, secondsAfter(noon, 20));

  expect(cache.get(owner, 0, secondsAfter(noon, 45))?.accessToken.reveal()).toBe("newer");
});

it("what is too old is forgotten at once, and does not come back with the clock", () => {
  const cache = remembering();
  cache.get(owner, 300, secondsAfter(noon, 31));

  expect(cache.get(owner, 300, noon)).toBeUndefined();
});

it("keeps at most 2,000 tokens and drops those that were stored first", () => {
  const cache = inMemoryTokenCache();
  const ownerOf = (n: number) => ({ ...owner, connectionId: connectionId(`conn_${n}`) });
  for (let n = 0; n < 2_000; n += 1) cache.set(ownerOf(n), token, noon);
  cache.set(ownerOf(0), token, noon); // stored again, so it is no longer the oldest

  cache.set(ownerOf(2_000), token, noon);

  for (const n of [1, 200]) expect(cache.get(ownerOf(n), 0, noon)).toBeUndefined();
  for (const n of [0, 201, 1_999, 2_000]) expect(cache.get(ownerOf(n), 0, noon)).toBeDefined();
});
