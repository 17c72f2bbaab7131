import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  attemptIdOf,
  connectionIdOf,
  hashOf,
  objectId,
  ownerKeyOf,
  tenantId,
  userId,
  workspaceId,
} from "../../../shared/domain/ids.ts";

const owner = { userId: userId("anna"), workspaceId: workspaceId("acme") };
const account = {
  tenantId: tenantId("11111111-1111-4111-8111-111111111111"),
  objectId: objectId("22222222-2222-4222-8222-222222222222"),
};

it("names an attempt by the hash of its state, which leads to no state", () => {
  expect(attemptIdOf("state")).toMatch(/^att_[A-Za-z0-9_-]{43}$/);
  expect(attemptIdOf("state")).toBe(attemptIdOf("state"));
  expect(attemptIdOf("state")).not.toBe(attemptIdOf("State"));
});

describe("a connection", () => {
  it("keeps its name for as long as person and account are the same, however the account is spelled", () => {
    const shouted = {
      tenantId: tenantId(account.tenantId.toUpperCase()),
      objectId: objectId(account.objectId.toUpperCase()),
    };

    expect(connectionIdOf(owner, account)).toMatch(/^conn_[A-Za-z0-9_-]{22}$/);
    expect(connectionIdOf(owner, shouted)).toBe(connectionIdOf(owner, account));
  });

  it("has the name of no other person, workspace, tenant or account", () => {
    const others = [
      connectionIdOf({ ...owner, userId: userId("ben") }, account),
      connectionIdOf({ ...owner, workspaceId: workspaceId("globex") }, account),
      connectionIdOf(owner, { ...account, tenantId: tenantId(account.objectId) }),
      connectionIdOf(owner, { ...account, objectId: objectId(account.tenantId) }),
    ];

    expect(new Set([...others, connectionIdOf(owner, account)]).size).toBe(5);
  });
});

it("never takes two different people for one, whatever their ids contain", () => {
  const id = fc.string({ unit: "grapheme" });
  fc.assert(
    fc.property(id, id, id, id, (user, workspace, otherUser, otherWorkspace) => {
      fc.pre(user !== otherUser || workspace !== otherWorkspace);
      const one = { userId: userId(user), workspaceId: workspaceId(workspace) };
      const other = { userId: userId(otherUser), workspaceId: workspaceId(otherWorkspace) };

      expect(ownerKeyOf(one)).not.toBe(ownerKeyOf(other));
      expect(connectionIdOf(one, account)).not.toBe(connectionIdOf(other, account));
    }),
  );
  const [ab_c, a_bc] = [
    { userId: userId("c"), workspaceId: workspaceId("ab") },
    { userId: userId("bc"), workspaceId: workspaceId("a") },
  ];
  expect(ownerKeyOf(ab_c)).not.toBe(ownerKeyOf(a_bc));
});

it("hashes the same value differently for different purposes", () => {
  expect(hashOf("completion", "value")).not.toBe(hashOf("binding", "value"));
  expect(hashOf("completion", "value")).toMatch(/^[A-Za-z0-9_-]{43}$/);
});
