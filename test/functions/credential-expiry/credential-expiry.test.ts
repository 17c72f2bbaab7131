import type { Context } from "aws-lambda";
import { describe, expect, it } from "vitest";
import { credentialExpiryHandler } from "../../../functions/credential-expiry/handler.ts";
import {
  type CredentialEnd,
  measureCredential,
} from "../../../functions/credential-expiry/measure-credential.ts";
import type {
  AppCredentialKind,
  CredentialLifetime,
} from "../../../shared/domain/app-credential.ts";
import { captureLog } from "../../fakes/captured-log.ts";

const now = new Date("2026-11-20T09:00:00Z");
const inDays = (days: number) => new Date(now.getTime() + days * 24 * 3600 * 1000);

const lifetime = (kind: AppCredentialKind, days?: number): CredentialLifetime => ({
  kind,
  expiresAt: days === undefined ? undefined : inDays(days),
});

const ports = (lifetimes: readonly CredentialLifetime[], isFederated = false) => ({
  stored: { lifetimes: async () => lifetimes },
  isFederated,
  vaultKeysRotatedAt: {
    sign_in: async () => inDays(-31.5),
    token: async () => inDays(-2.5),
  },
  now: () => now,
});

describe("what is left of the app's credential", () => {
  it.for<readonly [string, readonly CredentialLifetime[], CredentialEnd]>([
    [
      "is what is left of a single secret, in whole days",
      [lifetime("client_secret", 29.9)],
      { kind: "known", daysLeft: 29, of: "client_secret" },
    ],
    [
      "is what is left of the last to end, wherever it stands",
      [lifetime("client_secret", 3), lifetime("client_secret", 80), lifetime("client_secret", 7)],
      { kind: "known", daysLeft: 80, of: "client_secret" },
    ],
    [
      "is a certificate's when that one lasts longer",
      [lifetime("certificate", 300), lifetime("client_secret", 80)],
      { kind: "known", daysLeft: 300, of: "certificate" },
    ],
    [
      "is nothing when all have ended",
      [lifetime("certificate", -1), lifetime("client_secret", -30)],
      { kind: "known", daysLeft: 0, of: "certificate" },
    ],
    [
      "is that of the one whose end is known, beside one whose end is not",
      [lifetime("client_secret"), lifetime("client_secret", 80)],
      { kind: "known", daysLeft: 80, of: "client_secret" },
    ],
    [
      "is not known of a secret that stands there alone",
      [lifetime("client_secret")],
      { kind: "unknown" },
    ],
    [
      "is not known when the only one with an end has ended",
      [lifetime("client_secret"), lifetime("client_secret", -1)],
      { kind: "unknown" },
    ],
    ["is none when nothing is stored", [], { kind: "none" }],
  ])("%s", async ([, lifetimes, end]) => {
    expect(await measureCredential(ports(lifetimes))).toEqual(end);
  });

  it("has no end when it is federated only", async () => {
    expect(await measureCredential(ports([], true))).toEqual({ kind: "never" });
  });

  it("is that of what is stored beside a federated one, which is what helps when that fails", async () => {
    const stored = [lifetime("client_secret", 12)];

    expect(await measureCredential(ports(stored, true))).toEqual({
      kind: "known",
      daysLeft: 12,
      of: "client_secret",
    });
  });
});

describe("each measurement of the credential writes one line", () => {
  const { lines } = captureLog();
  const context = { functionName: "credential-expiry" } as Context;
  const told = async (given: Parameters<typeof credentialExpiryHandler>[0]) => {
    await credentialExpiryHandler(given)({}, context);
    return lines()
      .map((line) => JSON.parse(line))
      .filter((line) => !("vaultKeyAgeDays" in line));
  };

  it("with the days that metrics read", async () => {
    expect(await told(ports([lifetime("certificate", 45)]))).toEqual([
      expect.objectContaining({
        level: "INFO",
        credential: "certificate",
        credentialDaysLeft: 45,
        credentialEnd: "known",
      }),
    ]);
  });

  it("that says so where nothing can end", async () => {
    const [line, ...others] = await told(ports([], true));

    expect(others).toEqual([]);
    expect(line).toMatchObject({ level: "INFO", credential: "federated", credentialEnd: "never" });
    expect(line).not.toHaveProperty("credentialDaysLeft");
  });

  it.for<readonly [string, Parameters<typeof credentialExpiryHandler>[0]]>([
    ["app_credential_end_unknown", ports([lifetime("client_secret")])],
    ["app_credential_missing", ports([])],
    [
      "internal_error",
      {
        ...ports([]),
        stored: {
          lifetimes: async () => {
            throw new Error("planted-secret");
          },
        },
      },
    ],
  ])("without an end, which an alarm misses, for %s", async ([failure, given]) => {
    const [line, ...others] = await told(given);

    expect(others).toEqual([]);
    expect(line).toMatchObject({ failure });
    expect(line).not.toHaveProperty("credentialEnd");
    expect(line).not.toHaveProperty("credentialDaysLeft");
    expect(JSON.stringify(line)).not.toContain("planted-secret");
  });
});

describe("the age of the newest vault key of sign-ins, and of tokens,", () => {
  const { lines } = captureLog();
  const context = { functionName: "credential-expiry" } as Context;
  const ages = () =>
    lines()
      .map((line) => JSON.parse(line))
      .flatMap(({ vaultKeys, vaultKeyAgeDays }) =>
        vaultKeyAgeDays === undefined ? [] : [[vaultKeys, vaultKeyAgeDays]],
      );
  const bothAges = [
    ["sign_in", 31],
    ["token", 2],
  ];

  it("is told in whole days", async () => {
    await credentialExpiryHandler(ports([]))({}, context);

    expect(ages()).toEqual(bothAges);
  });

  it("is told when the credential cannot be read", async () => {
    const unreadable = {
      lifetimes: async () => {
        throw new Error("planted-secret");
      },
    };

    await credentialExpiryHandler({ ...ports([]), stored: unreadable })({}, context);

    expect(ages()).toEqual(bothAges);
  });

  it("keeps nobody from being told of the credential and of the other one when it cannot be read", async () => {
    const given = ports([lifetime("certificate", 45)]);
    const unreadable = async () => {
      throw new Error("planted-secret");
    };

    await credentialExpiryHandler({
      ...given,
      vaultKeysRotatedAt: { ...given.vaultKeysRotatedAt, sign_in: unreadable },
    })({}, context);

    const [credential, failed, token, ...others] = lines().map((line) => JSON.parse(line));
    expect(others).toEqual([]);
    expect(credential).toMatchObject({ credentialDaysLeft: 45 });
    expect(token).toMatchObject({ vaultKeys: "token", vaultKeyAgeDays: 2 });
    expect(failed).toMatchObject({
      level: "ERROR",
      failure: "internal_error",
      vaultKeys: "sign_in",
    });
    expect(JSON.stringify(failed)).not.toContain("planted-secret");
  });
});
