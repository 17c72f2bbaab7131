import type { SESv2Client } from "@aws-sdk/client-sesv2";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import * as z from "zod/mini";
import { startMail } from "../../../../infra/local/mail/start-mail.ts";
import { openSes, sesMailer } from "../../../../shared/adapters/ses/mailer.ts";
import type { Mail } from "../../../../shared/domain/consent-request.ts";
import type { MailAddress } from "../../../../shared/domain/mail-address.ts";
import { hurriedLimits } from "../../../fakes/hurried-limits.ts";
import {
  type Answer,
  answerJson,
  answerText,
  breakOff,
  dropConnection,
  type ScriptedServer,
  saySilence,
  startScriptedServer,
} from "../../../fakes/scripted-server.ts";

const settings = {
  from: "Appse AI <approvals@mail.appse.example>",
  configurationSet: "outlook-connect-test",
};

const mail: Mail = {
  to: "it@north.example" as MailAddress,
  subject: "Approve Appse AI – für alle",
  text: "Grüße",
  html: "<p>Grüße</p>",
  reference: "qk3vZ1mXo0u6W4yF8r2sT9aB5cD7eG-hJ_LnPpRtVxY",
};

let inbox: Awaited<ReturnType<typeof startMail>>;
let scripted: ScriptedServer;
const clients = new Set<SESv2Client>();
beforeAll(async () => {
  inbox = await startMail();
  scripted = await startScriptedServer();
});
afterAll(async () => {
  await Promise.all([inbox.close(), scripted.close()]);
});
beforeEach(() => {
  vi.stubEnv("AWS_REGION", "eu-west-1");
  vi.stubEnv("AWS_ACCESS_KEY_ID", "local-key-id");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "planted-signing-key");
});
afterEach(() => {
  for (const client of clients) client.destroy();
  clients.clear();
  vi.unstubAllEnvs();
});

const mailerAt = (origin: string) => {
  vi.stubEnv("AWS_ENDPOINT_URL_SESV2", origin);
  const reported: string[] = [];
  const client = openSes();
  clients.add(client);
  const mailer = sesMailer(client, settings, (outcome, error) =>
    reported.push(`${outcome}: ${error instanceof Error ? error.name : ""}`),
  );
  return { mailer, reported };
};

const sentTo = async (answer: Answer) => {
  scripted.script(answer);
  const { mailer, reported } = mailerAt(scripted.origin.origin);
  const outcome = await mailer.send(mail);
  return { outcome, reported, requests: scripted.requests };
};

/** As SES answers what it does not do. */
const refusal = (status: number, name: string): Answer =>
  answerJson(status, { message: "no" }, { "x-amzn-errortype": name });

const stored = z.object({
  emails: z.array(
    z.object({
      from: z.string(),
      subject: z.string(),
      destination: z.object({ to: z.array(z.string()) }),
      body: z.object({ text: z.string(), html: z.string() }),
    }),
  ),
});

it("hands a mail over, and it arrives as it was written", async () => {
  const { mailer, reported } = mailerAt(inbox.origin);

  const outcome = await mailer.send(mail);

  const { emails } = stored.parse(await (await fetch(`${inbox.origin}/store`)).json());
  expect(outcome).toBe("sent");
  expect(reported).toEqual([]);
  expect(emails.filter(({ subject }) => subject === mail.subject)).toEqual([
    {
      from: settings.from,
      subject: mail.subject,
      destination: { to: [mail.to] },
      body: { text: mail.text, html: mail.html },
    },
  ]);
});

it("asks SES for one mail to one address, under the configuration set, with its reference", async () => {
  const { outcome, requests } = await sentTo(answerJson(200, { MessageId: "0100" }));

  expect(outcome).toBe("sent");
  expect(requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
    "POST /v2/email/outbound-emails",
  ]);
  expect(JSON.parse(requests[0]?.body ?? "")).toEqual({
    FromEmailAddress: settings.from,
    Destination: { ToAddresses: [mail.to] },
    ConfigurationSetName: settings.configurationSet,
    EmailTags: [{ Name: "reference", Value: mail.reference }],
    Content: {
      Simple: {
        Subject: { Data: mail.subject, Charset: "UTF-8" },
        Body: {
          Text: { Data: mail.text, Charset: "UTF-8" },
          Html: { Data: mail.html, Charset: "UTF-8" },
        },
      },
    },
  });
});

describe("a mail that SES refuses", () => {
  it.for([
    [400, "MessageRejected"],
    [400, "MailFromDomainNotVerifiedException"],
    [400, "AccountSuspendedException"],
    [400, "SendingPausedException"],
    [400, "LimitExceededException"],
    [429, "TooManyRequestsException"],
    [404, "NotFoundException"],
    [403, "AccessDeniedException"],
    [400, "ThrottlingException"],
  ] as const)(
    "with %i %s is not delivered, was asked for once, and is the operator's to put right",
    async ([status, name]) => {
      const { outcome, reported, requests } = await sentTo(refusal(status, name));

      // Of this mail alone, as each to an address in the sandbox that nobody has verified.
      expect(outcome).toBe(name === "MessageRejected" ? "undeliverable" : "refused");
      expect(requests).toHaveLength(1);
      expect(reported).toEqual([`refused: ${name}`]);
    },
  );

  it("because it cannot read the address is told apart, and nobody is woken", async () => {
    const { outcome, reported, requests } = await sentTo(refusal(400, "BadRequestException"));

    expect(outcome).toBe("undeliverable");
    expect(requests).toHaveLength(1);
    expect(reported).toEqual([]);
  });
});

describe("nobody can tell whether a mail was sent, and it is not sent again,", () => {
  it.for<[string, Answer]>([
    ["after 500", refusal(500, "InternalServiceErrorException")],
    ["after 503 from somebody in between", answerText(503, "<html>unavailable</html>")],
    ["after 404 from somebody in between", answerText(404, "no such page")],
    ["after a redirect", answerText(302, "", { location: "https://elsewhere.example/" })],
    ["after a success that names no message", answerJson(200, {})],
    ["after a success that cannot be read", answerText(200, "{")],
    ["when the connection is closed", dropConnection],
    ["when the answer breaks off", breakOff],
    ["when there is no answer", saySilence],
  ])("%s", async ([, answer]) => {
    hurriedLimits();
    const { outcome, reported, requests } = await sentTo(answer);

    expect(outcome).toBe("unknown");
    expect(requests).toHaveLength(1);
    expect(reported).toEqual([expect.stringMatching(/^unknown: /)]);
  });

  it("when SES cannot be reached", async () => {
    const { mailer, reported } = mailerAt("http://127.0.0.1:1");

    expect(await mailer.send(mail)).toBe("unknown");
    expect(reported).toHaveLength(1);
  });
});
