import {
  type ConsentRequest,
  type ConsentRequests,
  isAnsweredBy,
  type Mailer,
  type MailLedger,
} from "../../shared/domain/consent-request.ts";
import {
  organisationKey,
  type TenantConsent,
  type TenantConsents,
} from "../../shared/domain/tenant-consent.ts";

/** Microsoft applies an approval within minutes; whoever follows the mail should not come too early. */
const settlingSeconds = 60;

export const organisationsPerRun = 20;
/** More, since those where somebody's request cannot be read stay in front until the operator mends it. */
const organisationsRead = 10 * organisationsPerRun;
export const mailsPerRun = 200;
/** When so many mails of a run fail for good, the next ones will as well, and each costs a person theirs. */
export const failuresPerRun = 3;
/** Below the function's own limit, with room for the person who is being told. */
const runMilliseconds = 40_000;

export interface ResumeWaitingPorts {
  readonly consents: Pick<TenantConsents, "noticesDue" | "noticesDone">;
  readonly requests: Pick<ConsentRequests, "waiting" | "claimNotice" | "releaseNotice">;
  readonly ledger: Pick<MailLedger, "isSuppressed">;
  readonly sendMail: (request: ConsentRequest) => ReturnType<Mailer["send"]>;
  /** Between two mails, so that the mail service does not refuse them for their number. */
  readonly pause: () => Promise<void>;
  readonly now: () => Date;
  /** Told how many people of an organisation this run has written to. */
  readonly onResumed: (organisation: string, people: number) => void;
  /** Told of an error that keeps one person or organisation from being served, not the others. */
  readonly report: (error: unknown) => void;
}

/** How much of what one run may do is left. */
interface Allowance {
  mails: number;
  failures: number;
  /** The mail service takes none of ours just now. */
  isRefused: boolean;
  readonly until: number;
}

const isUsedUp = ({ mails, failures, isRefused, until }: Allowance, now: Date) =>
  isRefused || mails <= 0 || failures <= 0 || now.getTime() > until;

const hasSettled = ({ times }: TenantConsent, now: Date) =>
  now.getTime() - (times.verified?.getTime() ?? 0) >= settlingSeconds * 1000;

/**
 * Writes to everybody who waits for an approval that is there, once each. Whoever is claimed is not written to again,
 * also when the mail may have been sent or the process dies: an open page moves on by itself, and two mails are worse
 * than none. What a run leaves, the next one takes up; a mail that was certainly not taken, too.
 */
export const resumeWaiting = async (ports: ResumeWaitingPorts): Promise<void> => {
  const { consents, now, report } = ports;
  const allowance: Allowance = {
    mails: mailsPerRun,
    failures: failuresPerRun,
    isRefused: false,
    until: now().getTime() + runMilliseconds,
  };
  let toServe = organisationsPerRun;
  for (const consent of await consents.noticesDue(organisationsRead, report)) {
    if (toServe === 0 || isUsedUp(allowance, now())) return;
    if (!hasSettled(consent, now())) continue;
    toServe -= 1;
    try {
      const outcome = await resumeOrganisation(consent, allowance, ports);
      if (outcome === "done") await consents.noticesDone(consent);
      if (outcome === "unreadable") toServe += 1;
    } catch (error) {
      report(error);
    }
  }
};

/** @returns whether nobody of the organisation is left to be told, or only those whose requests cannot be read */
const resumeOrganisation = async (
  consent: TenantConsent,
  allowance: Allowance,
  ports: ResumeWaitingPorts,
): Promise<"done" | "left" | "unreadable"> => {
  const { requests, now, onResumed, report } = ports;
  const { organisation } = consent;
  let told = 0;
  let isDone = true;
  let areAllRead = true;
  const waiting = await requests.waiting(organisation, (error) => {
    areAllRead = false;
    report(error);
  });
  for (const request of waiting.filter((each) => isAnsweredBy(each, consent))) {
    if (isUsedUp(allowance, now())) {
      isDone = false;
      break;
    }
    try {
      if (await tell(request, allowance, ports)) told += 1;
      if (allowance.isRefused) isDone = false;
    } catch (error) {
      // Who is not claimed has the next run.
      report(error);
      isDone = false;
    }
  }
  if (told > 0) onResumed(organisationKey(organisation), told);
  if (!isDone) return "left";
  return areAllRead ? "done" : "unreadable";
};

/** @returns whether a mail is on its way */
const tell = async (
  request: ConsentRequest,
  allowance: Allowance,
  { requests, ledger, sendMail, pause, now, report }: ResumeWaitingPorts,
): Promise<boolean> => {
  // Before the claim: a read that fails must cost nobody their mail.
  const isSuppressed = await ledger.isSuppressed(request.requester.email, now());
  const claim = await requests.claimNotice(request, now());
  if (claim === undefined || isSuppressed) return false;
  allowance.mails -= 1;
  const sent = await sendMail(request).catch((error: unknown) => {
    report(error);
    return "failed" as const;
  });
  if (sent === "failed" || sent === "undeliverable") allowance.failures -= 1;
  if (sent === "refused") {
    allowance.isRefused = true;
    const release = () => requests.releaseNotice(request, claim, now());
    await release().catch(release);
  }
  await pause();
  return sent === "sent" || sent === "unknown";
};
