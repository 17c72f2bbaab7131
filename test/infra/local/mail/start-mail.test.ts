import { expect, it } from "vitest";
import { startMail } from "../../../../infra/local/mail/start-mail.ts";

const mail = {
  FromEmailAddress: "connect@appse.example",
  Destination: { ToAddresses: ["admin@contoso.example"] },
  Content: {
    Simple: { Subject: { Data: "Please approve" }, Body: { Text: { Data: "The text" } } },
  },
};

const send = (origin: string) =>
  fetch(`${origin}/v2/email/outbound-emails`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      authorization: "AWS4-HMAC-SHA256 Credential=local/20260101/eu-west-1/ses/aws4_request",
    },
    body: JSON.stringify(mail),
  });

const storeOf = async (origin: string) => (await fetch(`${origin}/store`)).json();

it("keeps what is sent, and shows it", async () => {
  const server = await startMail();

  const sent = await send(server.origin);
  const store = await storeOf(server.origin);
  const page = await fetch(server.origin);
  await server.close();

  expect(sent.status).toBe(200);
  expect(store).toMatchObject({
    emails: [{ subject: "Please approve", destination: { to: ["admin@contoso.example"] } }],
  });
  expect(page.headers.get("content-type")).toContain("text/html");
});

it("begins without the mails of one that has closed", async () => {
  const first = await startMail();
  await send(first.origin);
  await first.close();

  const second = await startMail();
  const store = await storeOf(second.origin);
  await second.close();

  expect(store).toMatchObject({ emails: [] });
});

it("says so if the port is taken", async () => {
  const first = await startMail();
  const port = Number(new URL(first.origin).port);

  await expect(startMail({ port })).rejects.toThrow(String(port));
  await first.close();
});
