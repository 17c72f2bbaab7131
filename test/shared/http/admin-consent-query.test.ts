import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { personalAccountsTenant } from "../../../shared/domain/ids.ts";
import { Secret } from "../../../shared/domain/secret.ts";
import { readAdminConsentQuery } from "../../../shared/http/admin-consent-query.ts";
import { account } from "../../fakes/samples.ts";

const state = "s".repeat(43);
const approved = { admin_consent: "True", tenant: account.tenantId, state };

const read = (fields: Readonly<Record<string, string>> | string) =>
  readAdminConsentQuery(new URLSearchParams(typeof fields === "string" ? fields : { ...fields }));

describe("an answer of Microsoft's approval page", () => {
  it("is an approval, whatever else it tells", () => {
    expect(read({ ...approved, scope: "https://graph.microsoft.com/Mail.Send", new: "1" })).toEqual(
      { state: new Secret(state), outcome: { kind: "approved", tenantId: account.tenantId } },
    );
  });

  it("names the tenant in either case of letters", () => {
    expect(read({ ...approved, tenant: account.tenantId.toUpperCase() })?.outcome).toEqual({
      kind: "approved",
      tenantId: account.tenantId,
    });
  });

  it("is a refusal where there is an error, whatever stands beside it", () => {
    const answer = read({
      ...approved,
      error: "access_denied",
      error_subcode: "cancel",
      error_description: "AADSTS65004: Alice declined.",
    });

    expect(answer?.outcome).toEqual({
      kind: "refusal",
      refusal: { error: "access_denied", errorSubcode: "cancel", errorCodes: [65004] },
    });
  });
});

describe("is no answer of Microsoft's:", () => {
  const query = new URLSearchParams(approved).toString();

  it.for<readonly [string, string]>([
    ["nothing", ""],
    ["a state alone", `state=${state}`],
    ["an approval without a state", query.replace(/&state=.*/, "")],
    ["an empty error", `${query}&error=`],
    ["an error that is a sentence", `${query}&error=Access+denied`],
    ["an error twice", `${query}&error=access_denied&error=access_denied`],
    ["a state twice", `${query}&state=${state}`],
    ["a tenant twice, once in another spelling", `${query}&t%65nant=${account.tenantId}`],
    ["admin_consent twice", `${query}&admin_consent=True`],
    ["anything twice", `${query}&x=1&x=1`],
    ["admin_consent=False", query.replace("True", "False")],
    ["admin_consent with a space", query.replace("True", "True+")],
    ["admin_consent with a line", query.replace("True", "True%0A")],
    ["no admin_consent", query.replace("admin_consent", "adminconsent")],
    ["a name in capitals", query.replace("admin_consent", "ADMIN_CONSENT")],
    ["a domain for a tenant", query.replace(account.tenantId, "north.example")],
    ["a GUID in braces", query.replace(account.tenantId, `%7B${account.tenantId}%7D`)],
    ["personal accounts", query.replace(account.tenantId, personalAccountsTenant)],
    [
      "personal accounts in capitals",
      query.replace(account.tenantId, personalAccountsTenant.toUpperCase()),
    ],
    ["a value that is too long", `${query}&scope=${"x".repeat(8_200)}`],
    ["a name that is too long", `${query}&${"x".repeat(65)}=1`],
    ["too many names", `${query}${Array.from({ length: 2_100 }, (_, n) => `&${n}=`).join("")}`],
  ])("%s", ([, text]) => {
    expect(read(text)).toBeUndefined();
  });

  it("whatever it may be that has an error is no approval", () => {
    const text = fc.string({ unit: "binary", maxLength: 20 });
    fc.assert(
      fc.property(text, fc.dictionary(text, text, { maxKeys: 4 }), (error, more) => {
        expect(read({ ...more, ...approved, error })?.outcome.kind).not.toBe("approved");
      }),
    );
  });

  it("whatever else it carries, an approval is of the tenant and the state that it names", () => {
    const name = fc.oneof(
      fc.string({ unit: "binary", maxLength: 20 }),
      fc.constantFrom("Tenant", "STATE", "tenant_id", "__proto__", "constructor", "scope"),
    );
    fc.assert(
      fc.property(fc.dictionary(name, fc.string({ unit: "binary", maxLength: 20 })), (more) => {
        fc.pre(!Object.hasOwn(more, "error"));
        expect(read({ ...more, ...approved })).toEqual(read(approved));
      }),
    );
  });
});
