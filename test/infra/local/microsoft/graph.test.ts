import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import * as z from "zod/mini";
import { ben, juno, type SimulatedApp, startSimulatedApp } from "./simulated-app.ts";

let app: SimulatedApp;
beforeAll(async () => {
  app = await startSimulatedApp();
});
beforeEach(() => app.control.reset());
afterAll(() => app.close());

const mails = z.object({
  value: z.array(z.object({ subject: z.string(), receivedDateTime: z.string() })),
  "@odata.nextLink": z.optional(z.string()),
});
const refused = z.object({ error: z.object({ code: z.string() }) });

it("says who the token belongs to", async () => {
  const { access_token } = await app.tokensFor(ben);

  const me = await (await app.graph("/me?$select=id,mail", access_token)).json();

  expect(me).toEqual({
    "@odata.context": expect.any(String),
    id: "1f6b3c9d-8e42-4a75-b0d1-5c7e9f2a4b16",
    mail: ben,
  });
});

it("lists mail newest first, page by page", async () => {
  const { access_token } = await app.tokensFor(juno);

  const first = mails.parse(
    await (
      await app.graph("/me/messages?$top=3&$orderby=receivedDateTime desc", access_token)
    ).json(),
  );
  const next = new URL(first["@odata.nextLink"] ?? "");
  const second = mails.parse(
    await (await fetch(next, { headers: { authorization: `Bearer ${access_token}` } })).json(),
  );

  const dates = [...first.value, ...second.value].map(({ receivedDateTime }) => receivedDateTime);
  expect(first.value.length).toBe(3);
  expect(dates.length).toBe(5);
  expect(dates).toEqual(dates.toSorted().toReversed());
});

it("selects what was asked for", async () => {
  const { access_token } = await app.tokensFor(ben);

  const answer = await app.graph("/me/mailFolders/inbox?$select=id", access_token);

  expect(await answer.json()).toEqual({
    "@odata.context": expect.any(String),
    id: expect.any(String),
  });
});

it("refuses a token that has expired", async () => {
  const { access_token, expires_in } = await app.tokensFor(ben);

  app.clock.advance(expires_in + 1);

  const answer = await app.graph("/me", access_token);
  expect(answer.status).toBe(401);
  expect(answer.headers.get("www-authenticate")).toMatch(/^Bearer /);
  expect(refused.parse(await answer.json()).error.code).toBe("InvalidAuthenticationToken");
});

it("refuses what the token was not granted", async () => {
  const { access_token } = await app.tokensFor(
    juno,
    app.authorizeUrl({ scope: "openid profile email offline_access User.Read" }),
  );

  const answer = await app.graph("/me/messages", access_token);

  expect(answer.status).toBe(403);
  expect(refused.parse(await answer.json()).error.code).toBe("ErrorAccessDenied");
});

it("has no mailbox for an account without one", async () => {
  const { access_token } = await app.tokensFor("dario.fenn@larkfield.example");

  const answer = await app.graph("/me/mailFolders/inbox?$select=id", access_token);

  expect(answer.status).toBe(404);
  expect(refused.parse(await answer.json()).error.code).toBe("MailboxNotEnabledForRESTAPI");
});
