import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { stsWebIdentityToken } from "../../../../shared/adapters/sts/web-identity-token.ts";
import { Secret } from "../../../../shared/domain/secret.ts";
import { hurriedLimits } from "../../../fakes/hurried-limits.ts";
import { lookedUpHosts } from "../../../fakes/looked-up-hosts.ts";
import {
  type Answer,
  answerText,
  dropConnection,
  type ScriptedServer,
  saySilence,
  startScriptedServer,
} from "../../../fakes/scripted-server.ts";

let sts: ScriptedServer;
beforeAll(async () => {
  vi.stubEnv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "the-secret-key");
  vi.stubEnv("AWS_SESSION_TOKEN", "the-session-token");
  sts = await startScriptedServer();
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await sts.close();
});

const began = new Date("2026-11-20T09:00:00Z");

/** https://docs.aws.amazon.com/STS/latest/APIReference/API_GetWebIdentityToken.html */
const granted = (token: string, expiration = "2026-11-20T09:05:00Z") =>
  answerText(
    200,
    `<GetWebIdentityTokenResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <GetWebIdentityTokenResult>
    <WebIdentityToken>${token}</WebIdentityToken>
    <Expiration>${expiration}</Expiration>
  </GetWebIdentityTokenResult>
  <ResponseMetadata><RequestId>1</RequestId></ResponseMetadata>
</GetWebIdentityTokenResponse>`,
  );

const refused = (status: number, code: string) =>
  answerText(
    status,
    `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <Error><Type>Sender</Type><Code>${code}</Code><Message>planted message</Message></Error>
  <RequestId>1</RequestId>
</ErrorResponse>`,
  );

const open = (tryMilliseconds = 1_000) => {
  const clock = { now: began };
  const assertion = stsWebIdentityToken(
    () => clock.now,
    { AWS_REGION: "eu-west-1", AWS_ENDPOINT_URL_STS: sts.origin.href },
    { tries: 2, tryMilliseconds },
  );
  return { clock, assertion };
};

it("asks for a token for Microsoft, signed for STS of its Region", async () => {
  sts.script(granted("aaa.bbb.ccc"));

  expect(await open().assertion()).toEqual(new Secret("aaa.bbb.ccc"));

  const [request] = sts.requests;
  expect(Object.fromEntries(new URLSearchParams(request?.body))).toEqual({
    Action: "GetWebIdentityToken",
    Version: "2011-06-15",
    "Audience.member.1": "api://AzureADTokenExchange",
    DurationSeconds: "300",
    SigningAlgorithm: "RS256",
  });
  expect(request?.headers).toMatchObject({
    authorization: expect.stringMatching(
      /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-west-1\/sts\//,
    ),
    "x-amz-security-token": "the-session-token",
  });
});

it("keeps a token until a minute before its end", async () => {
  sts.script(granted("aaa.bbb.ccc"), granted("ddd.eee.fff", "2026-11-20T09:09:00Z"));
  const { clock, assertion } = open();
  await assertion();

  clock.now = new Date("2026-11-20T09:03:59Z");
  expect((await assertion()).reveal()).toBe("aaa.bbb.ccc");
  clock.now = new Date("2026-11-20T09:04:00Z");
  expect((await assertion()).reveal()).toBe("ddd.eee.fff");

  expect(sts.requests).toHaveLength(2);
});

it("asks STS of its Region where nothing else is set, which alone knows the operation", async () => {
  const hosts = lookedUpHosts();
  const assertion = stsWebIdentityToken(() => began, { AWS_REGION: "eu-west-1" }, { tries: 1 });

  await expect(assertion()).rejects.toMatchObject({ name: "NoAnswer" });

  expect(hosts).toEqual(["sts.eu-west-1.amazonaws.com"]);
});

it("waits a second for each of two tries unless told otherwise", async () => {
  sts.script(saySilence);
  const limits = hurriedLimits();
  const assertion = stsWebIdentityToken(() => began, {
    AWS_REGION: "eu-west-1",
    AWS_ENDPOINT_URL_STS: sts.origin.href,
  });

  await expect(assertion()).rejects.toMatchObject({ name: "NoAnswer" });

  expect(limits).toEqual([1_000, 1_000]);
});

describe("a try that fails", () => {
  it.for<readonly [string, Answer]>([
    ["throttling", refused(400, "Throttling")],
    ["too many requests", answerText(429, "slow down")],
    ["an error of STS", refused(500, "InternalFailure")],
    ["a closed connection", dropConnection],
    ["silence", saySilence],
  ])("is repeated once after %s", async ([, failing]) => {
    sts.script(failing, granted("aaa.bbb.ccc"));

    expect((await open(100).assertion()).reveal()).toBe("aaa.bbb.ccc");

    expect(sts.requests).toHaveLength(2);
  });

  it.for<readonly [string, Answer, string, number]>([
    [
      "a feature that is not enabled",
      refused(403, "OutboundWebIdentityFederationDisabledException"),
      "OutboundWebIdentityFederationDisabled",
      1,
    ],
    ["a role that may not", refused(403, "AccessDenied"), "AccessDenied", 1],
    ["an answer without a token", granted(""), "UnreadableAnswer", 1],
    ["an answer without an end", granted("aaa.bbb.ccc", "soon"), "UnreadableAnswer", 1],
    ["a page of something between", answerText(502, "<html>"), "HTTP502", 2],
    ["no answer at all", dropConnection, "NoAnswer", 2],
  ])("is told by its kind and nothing else: %s", async ([, failing, name, tries]) => {
    sts.script(failing);

    const error = await open()
      .assertion()
      .catch((reason: unknown) => reason);

    expect(error).toMatchObject({ name, message: "AWS STS gave no web identity token" });
    expect(inspect(error, { depth: 10, showHidden: true })).not.toMatch(/planted|aaa\.bbb/);
    expect(sts.requests).toHaveLength(tries);
  });

  it("does not hide the next one, which is asked for anew", async () => {
    sts.script(refused(403, "AccessDenied"), granted("aaa.bbb.ccc"));
    const { assertion } = open();
    await expect(assertion()).rejects.toThrow();

    expect((await assertion()).reveal()).toBe("aaa.bbb.ccc");
  });
});
