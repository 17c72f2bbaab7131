import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { aldermoor, larkfield, personalTenantId } from "../../infra/local/microsoft/directory.ts";
import { signIn } from "../../infra/local/microsoft/walk-sign-in.ts";
import { postCallback } from "../../infra/local/product-client.ts";
import {
  asAccount,
  connectionView,
  isArrival,
  openScene,
  problemIn,
  refusedWith,
  type Scene,
  served,
} from "./scene.ts";

let scene: Scene;
beforeAll(async () => {
  scene = await openScene();
});
afterAll(() => scene?.close());
beforeEach(() => scene.newDay());

describe("a mailbox gets connected", () => {
  it("when a user may consent for themselves, who is asked once and then never again", async () => {
    const ines = await scene.signedIn("user_ines");

    const first = await scene.goToMicrosoft(ines, { username: "ben.okafor@larkfield.example" });
    const connected = await ines.complete(first.returned);
    const again = await scene.goToMicrosoft(ines, { username: "ben.okafor@larkfield.example" });

    expect(connected.status).toBe(200);
    const connection = connectionView.parse(await connected.json());
    expect(connection).toMatchObject({
      status: "connected",
      account: {
        displayName: "Ben Okafor",
        username: "ben.okafor@larkfield.example",
        tenantId: larkfield.id,
      },
    });
    expect(connection.scopes).toEqual(
      expect.arrayContaining(["User.Read", "Mail.ReadWrite", "Mail.Send"]),
    );
    expect(await scene.list(ines)).toEqual([connection]);
    expect(await scene.attempt(ines, first.attemptId)).toMatchObject({
      status: "completed",
      connectionId: connection.id,
    });
    expect(first.form.pages).toContain("consent");
    expect(again.form.pages).not.toContain("consent");
  });

  it("when it belongs to a personal account", async () => {
    const priya = await scene.signedIn("user_priya");

    const connection = await scene.connect(priya, { username: "juno.hale@outlook.example" });

    expect(connection).toMatchObject({
      status: "connected",
      account: { displayName: "Juno Hale", tenantId: personalTenantId },
    });
    const { text } = served(await scene.fetchToken({ product: priya, connection }));
    expect(scene.microsoft.report().issued.accessTokens).toContain(text);
  });

  it("when Conditional Access asks for a second factor", async () => {
    const leo = await scene.signedIn("user_leo");

    const { form, returned } = await scene.goToMicrosoft(leo, {
      username: "tomas.rivera@castellan.example",
    });
    const completed = await leo.complete(returned);

    expect(form.pages).toContain("second-factor");
    expect(completed.status).toBe(200);
  });

  it("when an administrator has consented for the tenant, without any consent page", async () => {
    const tomas = await scene.signedIn("user_tomas");
    scene.microsoft.grantTenantConsent({ tenantId: aldermoor.id });

    const { form, returned } = await scene.goToMicrosoft(tomas, {
      username: "oona.virtanen@aldermoor.example",
    });
    const completed = await tomas.complete(returned);

    expect(form.pages).not.toContain("consent");
    expect(completed.status).toBe(200);
  });

  it("and stays one connection when two tabs connect the same account at once", async () => {
    const ines = await scene.signedIn("user_ines");
    const person = { username: "ada.whitlock@larkfield.example" };
    const ids = new Set<string>();

    // The first round starts a second environment; in the others both tabs run the same race.
    for (const milliseconds of [800, 150, 150]) {
      const tabs = [
        await scene.goToMicrosoft(ines, person),
        await scene.goToMicrosoft(ines, person),
      ];
      scene.microsoft.fault({
        endpoint: "token",
        fault: { kind: "delayed", milliseconds },
        times: 2,
      });
      const completed = await Promise.all(tabs.map(({ returned }) => ines.complete(returned)));
      for (const response of completed) {
        expect(response.status).toBe(200);
        ids.add(connectionView.parse(await response.json()).id);
      }
    }

    const [id = "", ...others] = ids;
    expect(others).toEqual([]);
    expect((await scene.list(ines)).filter((connection) => connection.id === id)).toHaveLength(1);
    expect(await scene.vault.names(id)).toHaveLength(1);
  });
});

describe("nothing gets connected", () => {
  it("while a locked tenant keeps its user on “Need admin approval”", async () => {
    const ines = await scene.signedIn("user_ines");
    const { attemptId, authorizationUrl } = await ines.start();

    const stay = await signIn(authorizationUrl, { username: "niall.byrne@aldermoor.example" });

    expect(stay).toMatchObject({ kept: "need-admin-approval" });
    expect(await scene.attempt(ines, attemptId)).toMatchObject({ status: "pending" });
  });

  it("when that user returns, who learns that an administrator must act", async () => {
    const ines = await scene.signedIn("user_ines");

    const { attemptId, returned } = await scene.goToMicrosoft(ines, {
      username: "niall.byrne@aldermoor.example",
      approval: "return",
    });
    const completed = await ines.complete(returned);

    expect(completed.status).toBe(403);
    const problem = await problemIn(completed);
    expect(problem).toMatchObject({ code: "admin_approval_required", actor: "tenant_admin" });
    expect(await scene.attempt(ines, attemptId)).toMatchObject({
      status: "failed",
      problem: { code: "admin_approval_required", message: problem.detail },
    });
  });

  it("when a user has sent a request to their administrator and comes back", async () => {
    const tomas = await scene.signedIn("user_tomas");

    const { form, returned } = await scene.goToMicrosoft(tomas, {
      username: "quentin.marsh@brightwater.example",
      approval: "request_and_return",
    });
    const completed = await tomas.complete(returned);

    expect(form.fields.get("error_description")).toContain("AADSTS65004");
    expect(completed.status).toBe(403);
    const problem = await problemIn(completed);
    expect(problem.code).toBe("access_declined");
    // Microsoft says the same of somebody who declined, so the sentence must serve both.
    expect(problem.detail).toContain("administrator");
    expect(scene.microsoft.report().approvalRequests).toMatchObject([
      { username: "quentin.marsh@brightwater.example" },
    ]);
  });

  it.for(["clara.lindqvist@larkfield.example", "theo.marsh@hotmail.example"])(
    "when %s declines on the consent page",
    async (username) => {
      const leo = await scene.signedIn("user_leo");

      const completed = await scene.tryToConnect(leo, { username, consent: "decline" });

      expect(completed.status).toBe(403);
      expect(await problemIn(completed)).toMatchObject({ code: "access_declined", actor: "user" });
      expect(await scene.list(leo)).not.toContainEqual(
        expect.objectContaining({ account: expect.objectContaining({ username }) }),
      );
    },
  );

  it("when the account has no mailbox", async () => {
    const priya = await scene.signedIn("user_priya");

    const completed = await scene.tryToConnect(priya, { username: "dario.fenn@larkfield.example" });

    expect(completed.status).toBe(403);
    expect(await problemIn(completed)).toMatchObject({
      code: "mailbox_not_available",
      actor: "user",
    });
  });

  it("when the account is disabled, whether before the sign-in or in the middle of it", async () => {
    const priya = await scene.signedIn("user_priya");
    const { authorizationUrl } = await priya.start();

    const before = await signIn(authorizationUrl, { username: "edda.rowe@larkfield.example" });
    const { returned } = await scene.goToMicrosoft(priya, {
      username: "clara.lindqvist@larkfield.example",
    });
    scene.microsoft.disableUser({ username: "clara.lindqvist@larkfield.example", disabled: true });
    const completed = await priya.complete(returned);

    expect(before).toMatchObject({ kept: "error", aadsts: 50057 });
    expect(completed.status).toBe(403);
    expect(await problemIn(completed)).toMatchObject({
      code: "account_disabled",
      actor: "tenant_admin",
    });
  });

  it("when a guest signs in, whose mailbox is in another tenant", async () => {
    const tomas = await scene.signedIn("user_tomas");
    scene.microsoft.grantTenantConsent({ tenantId: aldermoor.id });
    const member = await scene.connect(tomas, { username: "pell.hargreave@aldermoor.example" });
    const { authorizationUrl } = await tomas.start({ connectionId: member.id });
    const guest = "clara.lindqvist@larkfield.example";

    const form = await signIn(asAccount(authorizationUrl, guest), { username: guest });
    if (!isArrival(form)) expect.fail("the guest did not get through");
    const { returned } = await postCallback(form);
    if (!returned) expect.fail("the callback leads nowhere");
    const completed = await tomas.complete(returned);

    expect(completed.status).toBe(403);
    expect(await problemIn(completed)).toMatchObject({
      code: "account_type_not_supported",
      actor: "user",
    });
  });
});

describe("a reconnect", () => {
  it("keeps the connection's id and day of creation, and replaces its refresh token", async () => {
    const leo = await scene.signedIn("user_leo");
    const person = { username: "ben.okafor@larkfield.example" };
    const before = await scene.connect(leo, person);
    const [replaced = ""] = await scene.vault.names(before.id);
    scene.stack.clock.advance(86_400);

    const { authorizationUrl, form, returned } = await scene.goToMicrosoft(leo, person, {
      connectionId: before.id,
    });
    const completed = await leo.complete(returned);

    const after = connectionView.parse(await completed.json());
    expect(after).toMatchObject({ id: before.id, createdAt: before.createdAt });
    expect(after.lastRefreshedAt > before.lastRefreshedAt).toBe(true);
    expect(authorizationUrl.pathname).toContain(larkfield.id);
    expect(authorizationUrl.searchParams.get("login_hint")).toBe(person.username);
    expect(form.pages).not.toContain("sign-in");
    const names = await scene.vault.names(before.id);
    expect(names).toHaveLength(1);
    expect(names).not.toContain(replaced);
  });

  it("with another account is refused, and the connection serves tokens as before", async () => {
    const leo = await scene.signedIn("user_leo");
    const before = await scene.connect(leo, { username: "ada.whitlock@larkfield.example" });
    const entries = await scene.vault.names();
    const other = "clara.lindqvist@larkfield.example";
    const { authorizationUrl } = await leo.start({ connectionId: before.id });

    const form = await signIn(asAccount(authorizationUrl, other), { username: other });
    if (!isArrival(form)) expect.fail("Microsoft kept the person");
    const { returned } = await postCallback(form);
    if (!returned) expect.fail("the callback leads nowhere");
    const completed = await leo.complete(returned);

    expect(completed.status).toBe(409);
    expect(await problemIn(completed)).toMatchObject({ code: "account_mismatch", actor: "user" });
    const shown = await leo.call("GET", `/connections/${before.id}`);
    expect(await shown.json()).toEqual(before);
    expect(await scene.vault.names()).toEqual(entries);
    scene.stack.clock.advance(7200);
    served(await scene.fetchToken({ product: leo, connection: before }));
  });
});

describe("a disconnect", () => {
  it("erases the refresh token and leaves a tombstone that names nobody, however often", async () => {
    const priya = await scene.signedIn("user_priya");
    const { id } = await scene.connect(priya, { username: "ben.okafor@larkfield.example" });

    const first = await priya.call("DELETE", `/connections/${id}`);
    const second = await priya.call("DELETE", `/connections/${id}`);

    expect([first.status, second.status]).toEqual([204, 204]);
    expect(await first.text()).toBe("");
    expect(await scene.vault.names(id)).toEqual([]);
    const tombstone = await scene.tables.connection(id);
    expect(tombstone).toMatchObject({ status: "disconnected" });
    expect(Object.keys(tombstone).sort()).toEqual([
      "deleteAt",
      "disconnectedAt",
      "id",
      "ownerKey",
      "schemaVersion",
      "status",
      "vaultEntry",
      "version",
      "workspaceId",
    ]);
    expect(JSON.stringify(tombstone)).not.toMatch(/ben|okafor|larkfield|user_priya|eyJ/i);
    const gone = await priya.call("GET", `/connections/${id}`);
    expect((await problemIn(gone)).code).toBe("not_found");
    expect((await scene.list(priya)).map((connection) => connection.id)).not.toContain(id);
    const started = await priya.call("POST", "/start", { connectionId: id });
    expect((await problemIn(started)).code).toBe("not_found");
  });

  it("is no obstacle to connecting the same account again, as a new connection", async () => {
    const priya = await scene.signedIn("user_priya");
    const person = { username: "uma.patel@castellan.example" };
    const before = await scene.connect(priya, person);
    await priya.call("DELETE", `/connections/${before.id}`);
    scene.stack.clock.advance(60);

    const after = await scene.connect(priya, person);

    expect(after.createdAt > before.createdAt).toBe(true);
    expect(await scene.vault.names(after.id)).toHaveLength(1);
    served(await scene.fetchToken({ product: priya, connection: after }));
  });
});

describe("a connection does not exist", () => {
  it.for([
    ["a colleague in the same workspace", "user_tomas"],
    ["somebody in another workspace", "user_leo"],
  ])("for %s", async ([, stranger = ""]) => {
    const ines = await scene.signedIn("user_ines");
    const other = await scene.signedIn(stranger);
    const person = { username: "sigrid.thorne@castellan.example" };
    const { id } = await scene.connect(ines, person);
    const { attemptId } = await ines.start();

    const answers = {
      inspect: await other.call("GET", `/connections/${id}`),
      disconnect: await other.call("DELETE", `/connections/${id}`),
      reconnect: await other.call("POST", "/start", { connectionId: id }),
    };
    const attempt = await other.call("GET", `/attempts/${attemptId}`);

    for (const answer of Object.values(answers)) {
      expect(answer.status).toBe(404);
      expect((await problemIn(answer)).code).toBe("not_found");
    }
    expect((await problemIn(attempt)).code).toBe("attempt_unknown");
    expect((await scene.list(other)).map((connection) => connection.id)).not.toContain(id);
    expect((await ines.call("GET", `/connections/${id}`)).status).toBe(200);
  });

  it("for the workers of another workspace", async () => {
    const ines = await scene.signedIn("user_ines");
    const leo = await scene.signedIn("user_leo");
    const connection = await scene.connect(ines, { username: "uma.patel@castellan.example" });

    const foreign = await scene.fetchToken({ product: leo, connection });
    const unknown = await scene.fetchToken({
      product: leo,
      connection: { ...connection, id: `conn_${"A".repeat(22)}` },
    });

    const { traceId: _, ...told } = refusedWith(foreign);
    expect(told).toMatchObject({ code: "not_found", retryable: false });
    expect(refusedWith(unknown)).toMatchObject(told);
  });
});
