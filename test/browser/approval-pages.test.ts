import { expect, it } from "vitest";
import * as outcomes from "../../shared/pages/approval-outcome.ts";
import { approvalRequestPage } from "../../shared/pages/approval-request.ts";
import type { Page } from "../../shared/pages/page.ts";
import { crowdedApproval, loneApproval } from "../fakes/sample-approvals.ts";
import { describeInChromium } from "./describe-in-chromium.ts";
import { inspectPage } from "./inspect-page.ts";

const {
  approvalVerifiedPage,
  approvalSpreadingPage,
  approvalNotAssignedPage,
  approvalDone,
  approvalExpiredPage,
  approvalReplacedPage,
  approvalUnknownPage,
  approvalDeclinedPage,
  approvalNeedsAdministratorPage,
  approvalOtherOrganisationPage,
  approvalUnconfirmedPage,
  approvalUnfinishedPage,
  approvalMissingPage,
  approvalProofMissingPage,
  approvalProofRefusedPage,
  approvalSignInRefusedPage,
  approvalProofOverPage,
  approvalUnavailablePage,
} = outcomes;

/** Every page that an administrator can come to, and how its pictures are called. */
const pages: Readonly<Record<string, Page>> = {
  "request-crowded": approvalRequestPage(crowdedApproval),
  "request-alone": approvalRequestPage(loneApproval),
  "outcome-verified": approvalVerifiedPage("north.example"),
  "outcome-verified-without-domain": approvalVerifiedPage(),
  "outcome-spreading": approvalSpreadingPage("/admin-consent-callback?admin_consent=True"),
  "outcome-not-assigned": approvalNotAssignedPage("/admin-consent-callback?admin_consent=True"),
  "outcome-done": approvalDone("8 days"),
  "outcome-expired": approvalExpiredPage,
  "outcome-replaced": approvalReplacedPage,
  "outcome-unknown": approvalUnknownPage,
  "outcome-declined": approvalDeclinedPage,
  "outcome-needs-administrator": approvalNeedsAdministratorPage,
  "outcome-other-organisation": approvalOtherOrganisationPage,
  "outcome-unconfirmed": approvalUnconfirmedPage,
  "outcome-unfinished": approvalUnfinishedPage,
  "outcome-proof-refused": approvalProofRefusedPage,
  "outcome-sign-in-refused": approvalSignInRefusedPage,
  "outcome-missing": approvalMissingPage,
  "outcome-proof-missing": approvalProofMissingPage,
  "outcome-proof-over": approvalProofOverPage,
  "outcome-unavailable": approvalUnavailablePage,
};

describeInChromium("the administrator's pages", (browser) => {
  it("are all looked at", () => {
    const shown = new Set(Object.values(pages).map(({ html }) => html));
    const constant = Object.values(outcomes).filter((each) => typeof each !== "function");

    expect(constant.filter(({ html }) => !shown.has(html))).toEqual([]);
    expect(shown.size).toBe(Object.keys(pages).length);
  });

  it.for(Object.entries(pages))(
    "%s keeps nobody out, fits a telephone, and fetches nothing",
    async ([name, { html }]) => {
      const page = await browser().newPage({ viewport: { width: 320, height: 640 } });
      const requested: string[] = [];
      page.on("request", (request) => requested.push(request.url()));
      await page.setContent(html, { waitUntil: "load" });
      for (const details of await page.locator("details > summary").all()) await details.click();

      const overflow = await page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth",
      );
      const barriers = await inspectPage(page, `approval-${name}`);
      await page.close();

      expect(overflow).toBe(0);
      expect(barriers).toEqual([]);
      expect(requested).toEqual([]);
    },
  );
});
