import { expect, it } from "vitest";
import { graphScopes, missingScopes, requestedScopes } from "../../../shared/domain/permissions.ts";

it("asks for what the mail steps need and not for more", () => {
  expect([...requestedScopes].sort()).toEqual([
    "Mail.ReadWrite",
    "Mail.Send",
    "User.Read",
    "email",
    "offline_access",
    "openid",
    "profile",
  ]);
});

it.for<readonly [granted: readonly string[], missing: readonly string[]]>([
  [[...graphScopes], []],
  [["openid", "profile", ...graphScopes, "Calendars.Read"], []],
  [["mail.readwrite", "MAIL.SEND", "user.read"], []],
  [graphScopes.map((scope) => `https://graph.microsoft.com/${scope}`), []],
  [graphScopes.map((scope) => `https://graph.microsoft.us/${scope}`), []],
  [["User.Read", "Mail.Send"], ["Mail.ReadWrite"]],
  [["User.Read", "Mail.Read", "Mail.Send"], ["Mail.ReadWrite"]],
  [["User.Read", "Mail.ReadWrite.Shared", "Mail.Send"], ["Mail.ReadWrite"]],
  [["https://evil.example/Mail.ReadWrite", "User.Read", "Mail.Send"], ["Mail.ReadWrite"]],
  [[], [...graphScopes]],
])("of %j misses %j", ([granted, missing]) => {
  expect(missingScopes(granted)).toEqual(missing);
});

it("misses no OpenID scope, which Microsoft often leaves out of its answer", () => {
  expect(missingScopes([...graphScopes], requestedScopes)).toEqual([]);
});
