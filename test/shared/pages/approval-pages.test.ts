import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  approvalDone,
  approvalNotAssignedPage,
  approvalProofRefusedPage,
  approvalSignInRefusedPage,
  approvalSpreadingPage,
  approvalUnconfirmedPage,
  approvalUnfinishedPage,
  approvalUnknownPage,
  approvalVerifiedPage,
} from "../../../shared/pages/approval-outcome.ts";
import {
  type ApprovalRequestView,
  approvalRequestPage,
} from "../../../shared/pages/approval-request.ts";
import { crowdedApproval, loneApproval } from "../../fakes/sample-approvals.ts";

const request = (changes: Partial<ApprovalRequestView> = {}) =>
  approvalRequestPage({ ...loneApproval, ...changes }).html;

const linksIn = (html: string) => [...html.matchAll(/href="([^"]*)"/g)].map(([, href]) => href);

/** The names of all elements and their attributes, in order: what a text cannot be made to add to. */
const markupOf = (html: string) =>
  [...html.matchAll(/<[/!]?[a-z][^>]*>/gi)].map(([tag]) => tag.replaceAll(/="[^"]*"/g, ""));

describe("the page behind an approval link", () => {
  it("says who asks, where, and how many wait as well", () => {
    const html = request({
      requester: { email: "alice@north.example", name: "Alice", workspaceName: "North" },
      others: { people: 2, areMore: false },
    });

    expect(html).toContain("<strong><bdi>Alice</bdi></strong> (alice@north.example)");
    expect(html).toContain("in the workspace <strong><bdi>North</bdi></strong>");
    expect(html).toContain("2 more people of your organisation are waiting");
    const waiting = (people: number, areMore = false) => request({ others: { people, areMore } });
    expect(waiting(1)).toContain("1 more person of your organisation is waiting");
    expect(waiting(20)).toContain("20 more people of your organisation are waiting");
    expect(waiting(20, true)).toContain("More than 20 other people of your organisation are wait");
    expect(waiting(0)).not.toContain("waiting");
  });

  it("names somebody without a name that may be shown by their address", () => {
    expect(request()).toContain("<strong>alice@north.example</strong> would like to connect");
  });

  it("names every permission, in words and as Microsoft does, with its reason", () => {
    const html = request();

    for (const { scope, title, reason } of loneApproval.permissions) {
      expect(html).toContain(`<strong>${title}</strong>`);
      expect(html.toLowerCase()).toContain(reason.toLowerCase());
      expect(html).toContain(`<code>${scope}</code>`);
    }
  });

  it("leads to Microsoft, to the requester, to support, and nowhere else", () => {
    const escapedUrl = loneApproval.consentUrl.replaceAll("&", "&amp;");

    expect(linksIn(request())).toEqual([
      escapedUrl,
      "mailto:alice@north.example",
      "mailto:support@appse.example",
    ]);
  });

  it("writes an address so that a mail program reads nothing into it", () => {
    const email = "a&b?cc=x%40y'z@north.example";

    const [, mailto] = linksIn(request({ requester: { ...loneApproval.requester, email } }));

    expect(mailto).toBe("mailto:a%26b%3Fcc%3Dx%2540y&#39;z@north.example");
  });

  it("tells the app's id and the tenant, for comparing, and no tenant that is not known", () => {
    expect(approvalRequestPage(crowdedApproval).html).toContain(
      `<code>${crowdedApproval.tenantId}</code>`,
    );
    expect(request()).toContain(`<code>${loneApproval.applicationId}</code>`);
    expect(request()).not.toContain("Your tenant");
  });

  it("says when an approval was reported that nobody has proved", () => {
    expect(request({ isReported: true })).toContain("not confirmed yet");
    expect(request({ isReported: true })).toContain("AADSTS50105");
    expect(request({ isReported: false })).not.toContain("not confirmed yet");
  });

  it("keeps its shape, whatever the texts in it are", () => {
    const text = fc.oneof(
      fc.string({ unit: "binary", maxLength: 30 }),
      fc.constantFrom('"><script>alert(1)</script>', "'onload='x", "<b>", "&lt;", "</style>", "$&"),
    );
    const shape = markupOf(
      request({
        requester: { email: "e", name: "n", workspaceName: "w" },
        tenantId: "t",
      }),
    );
    fc.assert(
      fc.property(text, text, text, text, text, (email, name, workspaceName, until, tenantId) => {
        // A lone half of a surrogate pair is in no address that was parsed.
        fc.pre(email.isWellFormed());
        const html = request({
          requester: { email, name, workspaceName },
          until,
          tenantId,
          consentUrl: `https://login.microsoftonline.com/?${name}`,
          commands: { powerShell: workspaceName, azureCli: until },
        });

        expect(markupOf(html)).toEqual(shape);
      }),
    );
  });
});

it("the page about a confirmed approval escapes what it is given", () => {
  expect(approvalVerifiedPage("<b>x</b>").html).toContain("&lt;b&gt;x&lt;/b&gt;");
});

it("the page about a missing assignment names both ways out, and leads back", () => {
  const { html } = approvalNotAssignedPage("/admin-consent-callback?a=b&c=d");

  for (const named of ["Enterprise applications", "Users and groups", "Assignment required?"]) {
    expect(html).toContain(named);
  }
  expect(linksIn(html)).toEqual(["/admin-consent-callback?a=b&amp;c=d"]);
});

it("the page about an approval that is there says at its end that it can be closed", () => {
  for (const page of [approvalDone(), approvalDone("8 days")]) {
    expect(page.html).toMatch(/You can close this page\.<\/p>\s*<\/main>/);
    expect(page.html.match(/You can close this page/g)).toHaveLength(1);
  }
});

it("the page about a role that was not seen names the step that a role may need first", () => {
  expect(approvalUnconfirmedPage.html).toContain(
    "If your role has to be activated first, activate it and open the link again.",
  );
});

it.for([
  ["left", approvalUnfinishedPage],
  ["refused", approvalProofRefusedPage],
] as const)(
  "the page about a confirmation that was %s blames no outage, says what stands, and what to do",
  ([, { html }]) => {
    expect(html).toContain("<h1>Approved, but not confirmed yet</h1>");
    expect(html).toContain("Microsoft reported that you approved Appse AI");
    expect(html).toContain("Open the approval link again");
    expect(html).toContain("What you approved at Microsoft stands");
    expect(html).toContain("as soon as people of your organisation connect");
    expect(html).not.toMatch(/could not (?:answer|be finished)|just now|try again/i);
  },
);

it("the page about an account that was not let in says nothing of what it may approve", () => {
  const { html } = approvalSignInRefusedPage;

  expect(html).toContain("<h1>Microsoft did not let this account sign in</h1>");
  expect(html).toContain("The link stays good");
  expect(html).toContain("another administrator account");
  expect(html).not.toContain("Only an administrator");
});

it("every page is called by its heading and the product, as the product's own are", () => {
  expect(approvalUnknownPage.html).toContain("<title>This link is not known · Appse AI</title>");
});

describe.for([
  ["request", approvalRequestPage(crowdedApproval)],
  ["confirmed", approvalVerifiedPage("north.example")],
  ["not assigned", approvalNotAssignedPage("/admin-consent-callback?a=b")],
  ["being applied", approvalSpreadingPage("/admin-consent-callback?a=b")],
  ["unknown", approvalUnknownPage],
] as const)("the page: %s", ([, { html, styleHash }]) => {
  it("has no script, fetches nothing, and sends no form", () => {
    expect(html).not.toMatch(/<script|\bon\w+\s*=|javascript:|src\s*=|url\(|@import/i);
    expect(html).not.toMatch(/<(?:form|iframe|object|embed|link|base|img|input)\b|http-equiv/i);
  });

  it("has the one style that its policy admits", () => {
    const styles = [...html.matchAll(/<style>([\s\S]*?)<\/style>/g)].map(([, style]) => style);

    expect(styles).toHaveLength(1);
    expect(styleHash).toBe(
      `sha256-${createHash("sha256")
        .update(styles[0] ?? "")
        .digest("base64")}`,
    );
    expect(html).not.toContain("style=");
  });

  it("is found by no search engine, and has one heading", () => {
    expect(html).toContain('<meta name="robots" content="noindex">');
    expect(html.match(/<h1>/g)).toHaveLength(1);
  });
});
