import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  plainName,
  plainWorkspaceName,
  type Requester,
} from "../../../shared/domain/consent-request.ts";
import { mailAddress } from "../../../shared/domain/mail-address.ts";
import { graphScopes, permissionReasons } from "../../../shared/domain/permissions.ts";
import { approvalRequestMail } from "../../../shared/mails/approval-request.ts";
import {
  approvalUrl,
  crowdedRequest,
  loneRequest,
  requesterCalled,
  requestMail,
  waitingPeople,
} from "../../fakes/sample-mails.ts";
import { linksIn, shownBy, tagsIn } from "./mail-markup.ts";

const mailOf = (requester: Requester, others: readonly Requester[] = []) =>
  approvalRequestMail({ ...requestMail, requester, others });

const both = ({ text, html }: { readonly text: string; readonly html: string }) => [
  text.replaceAll(/\s+/g, " "),
  shownBy(html),
];

describe("the mail to an administrator, as text and as HTML", () => {
  it("says who asks, where, and how many others wait, with the first five of them", () => {
    for (const shown of both(crowdedRequest)) {
      expect(shown).toContain("Ines Calder (ines.calder@larkfield.example) would like to connect");
      expect(shown).toContain("in the workspace “North Sales”");
      expect(shown).toContain("7 more people are waiting for the same: Ben Okafor (ben.okafor@");
      expect(shown).toContain("p.nair@larkfield.example, Zoë d’Arcy-O’Neill (zoe@");
      expect(shown).toContain("Leo Brandt (leo.brandt@larkfield.example) and 2 more.");
      expect(shown).not.toContain("Amal");
    }
  });

  it("says nothing of others, a name or a workspace where there are none", () => {
    for (const shown of both(loneRequest)) {
      expect(shown).toContain("AI ines.calder@larkfield.example would like to connect");
      expect(shown).not.toMatch(/waiting|in the workspace|undefined/);
    }
  });

  it("names the one other who waits", () => {
    for (const shown of both(mailOf(requestMail.requester, waitingPeople.slice(0, 1)))) {
      expect(shown).toContain(
        "One more person is waiting for the same: Ben Okafor (ben.okafor@larkfield.example).",
      );
    }
  });

  it("gives every permission that is asked for, in words, with its reason and Microsoft's name", () => {
    for (const shown of both(loneRequest)) {
      for (const scope of graphScopes) {
        const { title, reason } = permissionReasons[scope];
        expect(shown).toContain(`${title}, ${reason}. Microsoft calls it ${scope}.`);
      }
    }
  });

  it("says what approving does, how long the link lives, whom to ask, and that it may be ignored", () => {
    for (const shown of both(loneRequest)) {
      expect(shown).toContain("You approve once, for your whole organisation.");
      expect(shown).toContain("connects only their own");
      expect(shown).toContain("withdraw the approval at any time in the Microsoft Entra admin");
      expect(shown).toContain("This link works until 8 March 2026.");
      expect(shown).toContain("Ask ines.calder@larkfield.example, or Appse AI at support@appse.");
      expect(shown).toContain("you can ignore it, and nothing changes");
      expect(shown).toContain(
        "because ines.calder@larkfield.example told Appse AI that you are an administrator of your organisation.",
      );
    }
  });

  it("has a subject that nobody can choose", () => {
    expect(crowdedRequest.subject).toBe("Approve Appse AI for your organisation");
    expect(loneRequest.subject).toBe(crowdedRequest.subject);
  });

  it("leads nowhere but to the approval and to those who can be asked", () => {
    expect(linksIn(crowdedRequest.html)).toEqual([
      approvalUrl.href,
      "mailto:ines.calder@larkfield.example",
      "mailto:support@appse.example",
      approvalUrl.href,
    ]);
    expect(crowdedRequest.text.match(/\w+:\/\/\S+/g)).toEqual([approvalUrl.href]);
  });
});

describe("text that a stranger may have chosen", () => {
  const names = fc.oneof(
    fc.string({ maxLength: 80 }),
    fc.string({ unit: "grapheme", maxLength: 80 }),
    fc.constantFrom(
      "<b>Anna</b>",
      'Anna" onclick="x',
      "Visit https://evil.example",
      "evil.example",
      "www evil example",
      "Anna\r\nBcc: all@north.example",
      "Anna\u202egnirts",
      "{{7*7}}",
    ),
  );

  it("is not shown where it is no plain name", () => {
    fc.assert(
      fc.property(names, names, (name, workspaceName) => {
        const requester = { ...requesterCalled(name, "ines@larkfield.example"), workspaceName };
        const mail = mailOf(requester, [requesterCalled(name, "ben@larkfield.example")]);

        const harmless = mailOf(
          {
            ...requester,
            name: plainName(name) && "Somebody",
            workspaceName: plainWorkspaceName(workspaceName) && "Anywhere",
          },
          [requesterCalled(plainName(name) && "Somebody", "ben@larkfield.example")],
        );
        expect(linksIn(mail.html)).toEqual(linksIn(harmless.html));
        expect(tagsIn(mail.html)).toEqual(tagsIn(harmless.html));
        for (const text of [name, workspaceName]) {
          if (text.trim().length > 2 && /[<>"@/:\r\n\u202e{]/.test(text)) {
            expect(mail.html).not.toContain(text);
            expect(mail.text).not.toContain(text);
          }
        }
      }),
    );
  });

  it("in a plain name is shown as it is, escaped", () => {
    const { html, text } = mailOf({
      ...requesterCalled("Ana O'Neil", "ana@larkfield.example"),
      workspaceName: "North & South",
    });

    expect(text).toContain("Ana O'Neil (ana@larkfield.example)");
    expect(text).toContain("in the workspace “North & South”");
    expect(html).toContain("<bdi>Ana O&#39;Neil</bdi> (ana@larkfield.example)");
    expect(html).toContain("in the workspace “<bdi>North &amp; South</bdi>”");
    expect(html).not.toMatch(/O'Neil|North & S/);
  });

  it("written from right to left turns nothing around that stands beside it, nor leaves marks in the text", () => {
    const { html, text } = mailOf(
      {
        ...requesterCalled("שרה לוי", "sara@larkfield.example"),
        workspaceName: "צוות המכירות 3",
      },
      [
        requesterCalled("محمد علي", "m.ali@larkfield.example"),
        requesterCalled("נועה כהן", "a=b@larkfield.example"),
      ],
    );

    for (const named of [
      "<bdi>שרה לוי</bdi> (sara@larkfield.example)",
      "“<bdi>צוות המכירות 3</bdi>”",
      "<bdi>محمد علي</bdi> (m.ali@larkfield.example) and <bdi>נועה כהן</bdi> at larkfield",
    ]) {
      expect(html).toContain(named);
      expect(text).toContain(named.replaceAll(/<[^>]*>/g, ""));
    }
    expect(text).not.toMatch(/[\u200e\u200f\u2066-\u2069]/);
  });

  it("is set apart as well where it says why the mail came", () => {
    const { html } = mailOf(requesterCalled("שרה לוי", "a=b@larkfield.example"));

    expect(html).toContain("because <bdi>שרה לוי</bdi> at larkfield.example told Appse AI");
  });

  it.for([
    "evil.example/pay?now=1",
    "www.evil.example",
    "a?cc=all&body=pay",
    "{pay}",
    "a=b",
    "50%",
  ])("in an unusual address such as %s@… is not shown", (local) => {
    const address = `${local}@larkfield.example`;
    expect(mailAddress(address)).toBe(address);

    const mail = mailOf(requesterCalled(undefined, address), [requesterCalled("Ben", address)]);

    for (const shown of both(mail)) {
      expect(shown).toContain("Somebody at larkfield.example would like to connect");
      expect(shown).toContain("Ben at larkfield.example.");
      expect(shown).toContain("Ask Appse AI at support@appse.example.");
      expect(shown).not.toContain(local);
    }
    expect(linksIn(mail.html)).not.toContainEqual(expect.stringContaining("larkfield"));
  });

  it("in a usual address makes no other address of the link to it", () => {
    const mail = mailOf(requesterCalled(undefined, "o'neil+it@larkfield.example"));

    expect(linksIn(mail.html)).toContain("mailto:o'neil%2Bit@larkfield.example");
  });
});
