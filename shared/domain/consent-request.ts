import type { ProductUser } from "./ids.ts";
import type { MailAddress } from "./mail-address.ts";
import type { Organisation } from "./tenant-consent.ts";

/** How long an approval link leads anywhere. OWASP ASVS 6.5.5 allows less for codes; it carries no power. */
export const approvalLinkDays = 7;

/** Who asks, as the product's identity provider vouches for it. Names are shown only after {@link plainName}. */
export interface Requester {
  readonly user: ProductUser;
  readonly email: MailAddress;
  readonly name: string | undefined;
  readonly workspaceName: string | undefined;
}

/** What became of the mail to the administrator. */
export type MailStatus =
  /** Nobody was mailed: the person passes the link on. */
  | "none"
  /** Handed over to the mail service, as far as is known. */
  | "sending"
  | "sent"
  /** The mail service did not answer: it is not sent again by itself. */
  | "unknown"
  /** The mail service refused it, or it bounced. */
  | "not_delivered"
  /** This administrator was mailed for this organisation today; the request is on the page they have. */
  | "joined";

export interface RequestMail {
  readonly status: MailStatus;
  readonly to?: MailAddress;
  readonly at?: Date;
}

export interface ConsentRequest {
  readonly organisation: Organisation;
  readonly requester: Requester;
  /** Key of the product's return page to which a mail leads back. */
  readonly returnTo: string;
  readonly tokenHash: string;
  /** Bound to the requester, so that only they are shown it again. */
  readonly sealedToken: string;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  readonly mail: RequestMail;
  /** When the requester was told that it is approved, or did not need to be told. */
  readonly notifiedAt: Date | undefined;
}

export type NewConsentRequest = Omit<ConsentRequest, "mail" | "notifiedAt">;

/** What an approval link leads to. */
export interface LinkedRequest {
  readonly request: ConsentRequest;
  /** `false` once its requester has a newer link. */
  readonly isCurrent: boolean;
}

/** People who wait for an administrator; one request each and organisation. */
export interface ConsentRequests {
  /** The person's request, expired or not. Strongly consistent. */
  find(organisation: Organisation, user: ProductUser): Promise<ConsentRequest | undefined>;

  /**
   * Opens a request, unless the person has one that is still open: not expired and not yet told. Of
   * concurrent calls one opens and all return the same.
   */
  open(request: NewConsentRequest): Promise<ConsentRequest>;

  /** Expired, replaced and answered ones are found, too. Strongly consistent. */
  findByLink(tokenHash: string): Promise<LinkedRequest | undefined>;

  /** Those who wait and were not yet told, oldest first; expired ones too: they are told as well. */
  waiting(organisation: Organisation): Promise<readonly ConsentRequest[]>;

  /** @returns a claim if it is this call that tells them: it happens once for each request. */
  claimNotice(request: ConsentRequest, now: Date): Promise<string | undefined>;

  /** Takes the claim back, after which nobody was told, so that somebody is later. Repeating it is fine. */
  releaseNotice(request: ConsentRequest, claim: string, now: Date): Promise<void>;

  /**
   * Notes what became of the mail. Does nothing if the request was replaced meanwhile, nor says `sent` or
   * `unknown` of a mail that has come back since it was being sent.
   */
  noteMail(request: ConsentRequest, mail: RequestMail): Promise<void>;

  /**
   * Forgets the person's request and its link, which then leads nowhere. What earlier links of theirs hold, the ids of
   * the person and the workspace, stays until it expires. Repeating it is fine.
   */
  erase(organisation: Organisation, user: ProductUser): Promise<void>;
}

/** Why no mail may go out. */
export type MailRefusal =
  /** This administrator has the mail of this organisation since less than a day. */
  | "joined"
  /** A limit is reached: of the person, the workspace, the recipient, or the recipient's mail domain. */
  | "limited"
  /** The limit of all together is reached, which the operator has to know of. */
  | "exhausted"
  /** Mail to this address came back, or its owner complained. */
  | "suppressed";

/** Mails to administrators in a day, by whom they are counted. OWASP ASVS 2.4.1 */
export const mailLimits = { user: 5, workspace: 20, recipient: 3, domain: 30, all: 1_000 } as const;

/** Several requests to one administrator within this become one mail. */
export const digestSeconds = 24 * 3600;

/** An address from which mail came back may come to exist. */
export const bounceKeptSeconds = 90 * 24 * 3600;

export interface MailLedger {
  /**
   * Takes the right to mail an administrator once, and counts it, before anything is sent.
   *
   * @returns why not, or `undefined` for the right to send one mail
   */
  claim(
    mail: {
      readonly to: MailAddress;
      readonly requester: ProductUser;
      readonly organisation: Organisation;
    },
    now: Date,
  ): Promise<MailRefusal | undefined>;

  /**
   * Lets another mail go to an administrator for an organisation today, because the last one did not arrive. What was
   * counted stays counted. Repeating it is fine.
   */
  release(to: MailAddress, organisation: Organisation): Promise<void>;

  /**
   * Mail to this address came back: nothing is sent to it, to the letter, for {@link bounceKeptSeconds}. Or its owner
   * complained: nothing is sent to the mailbox behind it any more. The one does not lift the other.
   */
  suppress(address: MailAddress, reason: "bounce" | "complaint", now: Date): Promise<void>;

  isSuppressed(address: MailAddress, now: Date): Promise<boolean>;
}

export interface Mail {
  readonly to: MailAddress;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  /** Comes back with a bounce: letters, digits, `_` and `-`. */
  readonly reference?: string;
}

export interface Mailer {
  /**
   * Sends once, and never again by itself: the service has no way to tell a repeated mail.
   *
   * @returns `refused` if no mail of ours is taken just now, `undeliverable` if this one is not, and `unknown` if nobody
   *   can tell whether it was sent
   */
  send(mail: Mail): Promise<"sent" | "refused" | "undeliverable" | "unknown">;
}

const longestName = 60;
/** Enough for a year, too few for a telephone number. */
const mostDigits = 4;

/**
 * A name that a stranger may have chosen, as far as it may be shown to somebody who trusts us: letters,
 * digits and the marks of names, nothing that reads as a link, an address, a telephone number or an instruction.
 *
 * @returns `undefined` for anything else, which is then not shown at all
 */
export const plainName = (text: string | undefined): string | undefined => {
  const name = text?.normalize("NFC").trim().replaceAll(/ +/g, " ");
  if (!name || name.length > longestName) return undefined;
  if (!/^[\p{L}\p{M}\p{N}'’.,&() -]+$/u.test(name)) return undefined;
  if ((name.match(/\p{N}/gu) ?? []).length > mostDigits || /\p{N}\.\p{N}/u.test(name)) {
    return undefined;
  }
  // A dot inside a word or a number makes a link in many mail programs.
  return /[\p{L}\p{M}\p{N}-]\.[\p{L}\p{M}\p{N}-]{2,}|www|https?/iu.test(name) ? undefined : name;
};
