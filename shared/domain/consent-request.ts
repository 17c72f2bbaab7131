import type { ProductUser, TenantId } from "./ids.ts";
import type { MailAddress } from "./mail-address.ts";
import type { Result } from "./result.ts";
import { isSpreading, type Organisation, type TenantConsent } from "./tenant-consent.ts";
import type { OnUnreadable } from "./unreadable-item.ts";

/** How long an approval link leads anywhere. OWASP ASVS 6.5.5 allows less for codes; it carries no power. */
export const approvalLinkDays = 7;

/** Who asks, as the product's identity provider vouches for it. Names are shown only after {@link plainName} and {@link plainWorkspaceName}. */
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

/**
 * Whether there is nothing more to ask an administrator for. A proof that had its time when the person asked, because
 * Microsoft turned them away all the same, does not answer them.
 */
export const isAnsweredBy = (
  { createdAt, notifiedAt }: Pick<ConsentRequest, "createdAt" | "notifiedAt">,
  consent: TenantConsent,
): boolean => {
  const { verified = createdAt } = consent.times;
  const wasAskedInSpite = verified < createdAt && !isSpreading(consent, createdAt);
  return consent.status === "verified" && (notifiedAt !== undefined || !wasAskedInSpite);
};

/** Whether a request that was made in spite of a proof is open, and nothing has come of it yet. */
export const asksInSpite = (
  request: ConsentRequest | undefined,
  consent: TenantConsent,
  now: Date,
): request is ConsentRequest =>
  consent.status === "verified" &&
  request !== undefined &&
  request.expiresAt > now &&
  !isAnsweredBy(request, consent);

/** What an approval link leads to. */
export interface LinkedRequest {
  readonly request: ConsentRequest;
  /** `false` once its requester has a newer link. */
  readonly isCurrent: boolean;
}

export interface OthersWaiting {
  readonly people: number;
  /** There are more than were counted. */
  readonly areMore: boolean;
}

/** People who wait for an administrator; one request each and organisation. */
export interface ConsentRequests {
  /** The person's request, expired or not. Strongly consistent. */
  find(organisation: Organisation, user: ProductUser): Promise<ConsentRequest | undefined>;

  /**
   * Opens a request, unless the person has one that is still open: not expired and not yet told. That one keeps its link,
   * which names the person and not their address, and is of the requester as they are now: an address may have become
   * somebody else's. Of concurrent calls one opens and all return the same.
   */
  open(request: NewConsentRequest): Promise<ConsentRequest>;

  /** Expired, replaced and answered ones are found, too. Strongly consistent. */
  findByLink(tokenHash: string): Promise<LinkedRequest | undefined>;

  /**
   * Those who wait and were not yet told, oldest first; expired ones too: they are told as well.
   *
   * @param onUnreadable told of each that is not among them, because it cannot be read
   */
  waiting(
    organisation: Organisation,
    onUnreadable: OnUnreadable,
  ): Promise<readonly ConsentRequest[]>;

  /**
   * How many wait beside the person of a request, counted up to `most`. Fewer than there are may be counted where many were
   * told lately.
   */
  othersWaiting(request: ConsentRequest, most: number): Promise<OthersWaiting>;

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
  /** A mail to this administrator for this organisation was begun less than a day ago, and did not come back. */
  | "joined"
  /** Somebody else is about to begin that mail. Whether they do is known within {@link heldSeconds}. */
  | "held"
  /** A limit is reached: of the person, the workspace, the recipient, or the recipient's tenant. */
  | "limited"
  /** The limit of all together is reached, which the operator has to know of. */
  | "exhausted"
  /** Mail to this address came back, or its owner complained. */
  | "suppressed";

/**
 * Mails to administrators in a day, by whom they are counted: a user is one of a workspace, a person the same one in all of
 * them; a tenant is one with all the mail domains that it has verified. OWASP ASVS 2.4.1
 */
export const mailLimits = {
  user: 5,
  person: 10,
  workspace: 20,
  recipient: 3,
  tenant: 30,
  all: 1_000,
} as const;

/** Several requests to one administrator within this become one mail. */
export const digestSeconds = 24 * 3600;

/** How long a claim waits for its mail to be begun: longer than any request lasts. After it, its process has died. */
export const heldSeconds = 60;

/** An address from which mail came back may come to exist. */
export const bounceKeptSeconds = 90 * 24 * 3600;

export interface MailLedger {
  /**
   * Takes the right to mail an administrator once, and counts it, before anything is sent. A right that is not used for
   * {@link heldSeconds} is the next one's.
   *
   * @returns the claim, to begin the mail with, or why there is none
   */
  claim(
    mail: {
      readonly to: MailAddress;
      readonly requester: ProductUser;
      readonly organisation: Organisation;
      /** That owns the mail domain of `to`. */
      readonly recipientTenant: TenantId;
    },
    now: Date,
  ): Promise<Result<string, MailRefusal>>;

  /**
   * The last step before a mail is sent: from now on it may have arrived, and others join it for {@link digestSeconds}.
   *
   * @returns `false` if somebody else has the right meanwhile, and nothing may be sent
   */
  begin(to: MailAddress, organisation: Organisation, claim: string, now: Date): Promise<boolean>;

  /**
   * Lets another mail go to an administrator for an organisation today, because the last one did not arrive. What was
   * counted stays counted. Repeating it is fine.
   *
   * @param claim of the mail that did not arrive, if it is known: another one since is left alone
   */
  release(to: MailAddress, organisation: Organisation, claim?: string): Promise<void>;

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
const mostWords = 4;
/** Enough for a year, too few for a telephone number. */
const mostDigits = 4;

/** Who could be believed instead of the person, and what an instruction is made of. */
const misleading = new Set(
  `microsoft outlook office azure entra exchange windows defender sharepoint onedrive copilot google appse
  security support help helpdesk desk it service services team teams account accounts official system sysadmin
  root postmaster webmaster ceo cfo cio ciso cto
  approve approved approval accept allow confirm verify verified verification validate click please urgent urgently
  immediately now today action required must password login expire expires expired suspended blocked stop stops
  mail mails email mailbox www http https`.split(/\s+/),
);
/** Also as a part of a longer word. */
const misleadingPart = /microsoft|outlook|office|security|helpdesk|^admin/;

/** Alphabets whose letters look like those of another one; nobody's name is written in two of them. */
const alphabets = [
  /\p{Script=Latin}/u,
  /\p{Script=Cyrillic}/u,
  /\p{Script=Greek}/u,
  /\p{Script=Armenian}/u,
  /\p{Script=Cherokee}/u,
];
/** Small capitals and the like, for phonetics. */
const phonetic = /[\u0262\u026A\u0274\u0280\u0299\u029C\u029F\u1D00-\u1DBF\uA730\uA731]/u;

/** As it is read: without accents, forms of letters, digits and what holds its parts together. */
const asRead = (word: string): string =>
  word
    .normalize("NFKD")
    .replaceAll(/[^\p{L}]/gu, "")
    .toLowerCase()
    .replaceAll("ı", "i");

const misleads = (words: readonly string[]): boolean => {
  const parts = words.flatMap((word) => [word, ...word.split(/[^\p{L}\p{M}]/u)]).map(asRead);
  // Single letters may spell a word together.
  const spelt = words.map(asRead).filter((word) => word.length === 1);
  return [...parts, spelt.join("")].some(
    (part) => misleading.has(part) || misleadingPart.test(part),
  );
};

const letters = String.raw`\p{L}\p{M}*(?:['’-]?\p{L}\p{M}*)*`;
const initials = String.raw`(?:\p{L}\p{M}*\.)+`;
const wordOfPerson = new RegExp(`^(?:['’]?${letters}|${initials})$`, "u");
/** With a number before or after it, or one alone; the last one may be shortened, as in `Ltd.` */
const wordOfWorkspace = new RegExp(
  `^(?:['’]?${letters}\\p{Nd}*|\\p{Nd}+(?:${letters})?|${initials})$`,
  "u",
);

const plain = (
  text: string | undefined,
  wordsOf: (name: string) => readonly string[],
  isWord: RegExp,
): string | undefined => {
  const name = text?.normalize("NFC").trim().replaceAll(/ +/g, " ");
  if (!name || name.length > longestName) return undefined;
  const words = wordsOf(name);
  if (words.length === 0 || words.length > mostWords) return undefined;
  if (!words.every((word) => isWord.test(word)) || misleads(words)) return undefined;
  if ((name.match(/\p{Nd}/gu) ?? []).length > mostDigits || phonetic.test(name)) return undefined;
  return alphabets.filter((alphabet) => alphabet.test(name)).length > 1 ? undefined : name;
};

/**
 * A person's name, which a stranger may have chosen, as far as it may be shown to somebody who trusts us: a few words of
 * letters, hyphens, apostrophes and initials, none of which names Microsoft, a role or something to do.
 *
 * @returns `undefined` for anything else, which is then not shown at all: the person's address is
 */
export const plainName = (text: string | undefined): string | undefined =>
  plain(text, (name) => name.split(" "), wordOfPerson);

/** The same of a workspace's name, which may hold a number, `&` and a shortened last word as well. */
export const plainWorkspaceName = (text: string | undefined): string | undefined =>
  plain(
    text,
    (name) =>
      name
        .replace(/\.$/, "")
        .split(" ")
        .filter((word) => word !== "&"),
    wordOfWorkspace,
  );
