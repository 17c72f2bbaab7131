import { ownerKeyOf, type ProductUser, type TenantId } from "./ids.ts";
import { domainOf, type MailAddress, type MailDomain } from "./mail-address.ts";
import type { OnUnreadable } from "./unreadable-item.ts";

/** Whose approval it is about: a Microsoft tenant, or one person alone of whom no tenant is known. */
export type Organisation =
  | { readonly kind: "tenant"; readonly tenantId: TenantId }
  | { readonly kind: "person"; readonly ownerKey: string };

export const personAlone = (user: ProductUser): Organisation => ({
  kind: "person",
  ownerKey: ownerKeyOf(user),
});

export const organisationKey = (organisation: Organisation): string => {
  switch (organisation.kind) {
    case "tenant":
      return `tenant/${organisation.tenantId}`;
    case "person":
      return `person/${organisation.ownerKey}`;
    default:
      return organisation satisfies never;
  }
};

/**
 * What is known of an organisation's approval of this app registration and its permissions. It guides people
 * and authorises nothing: Microsoft stays the gate.
 *
 * - `blocked`: somebody was turned away
 * - `requested`: an administrator was asked
 * - `reported`: a browser said that an administrator approved, which any browser can say
 * - `verified`: an administrator of the tenant has proved who they are, or an ordinary user was granted all
 * - `lost`: it was there, and refreshes of several accounts say that it is gone
 */
export const consentStatuses = [
  "unknown",
  "blocked",
  "requested",
  "reported",
  "verified",
  "lost",
] as const;
export type ConsentStatus = (typeof consentStatuses)[number];

/** Why an approval is believed. */
export type ConsentProof =
  /** A verified ID token of that tenant with a role that may approve. `wids`: role template ids. */
  | { readonly kind: "administrator"; readonly roles: readonly string[] }
  /** Somebody without such a role was granted all that was asked for. */
  | { readonly kind: "user_grant" };

export type ConsentEvent =
  /**
   * `certain` unless Microsoft gave no reason, or no answer at all. `bySeveral`: as many people were turned away as it takes
   * against a proof.
   */
  | { readonly kind: "blocked"; readonly certain: boolean; readonly bySeveral?: boolean }
  | { readonly kind: "requested" }
  | { readonly kind: "reported" }
  | { readonly kind: "verified"; readonly proof: ConsentProof }
  | { readonly kind: "lost" };

export interface TenantConsent {
  readonly organisation: Organisation;
  readonly status: ConsentStatus;
  /**
   * Every step's last time; a step that was never taken has none. Of reports within a day that nobody has proved it is the
   * first one's.
   */
  readonly times: Readonly<Partial<Record<Exclude<ConsentStatus, "unknown">, Date>>>;
  readonly proof: ConsentProof | undefined;
  /** `false` while everybody who was turned away was turned away without a reason. */
  readonly blockIsCertain: boolean;
}

export const unknownConsent = (organisation: Organisation): TenantConsent => ({
  organisation,
  status: "unknown",
  times: {},
  proof: undefined,
  blockIsCertain: false,
});

/** From where each event leads to its own status. Elsewhere it changes nothing. */
const leadsFrom: Readonly<Record<ConsentEvent["kind"], readonly ConsentStatus[]>> = {
  blocked: ["unknown"],
  requested: ["unknown", "blocked", "lost"],
  reported: ["unknown", "blocked", "requested"],
  verified: ["unknown", "blocked", "requested", "reported", "lost"],
  // A tenant whose connections work was approved, whether or not we saw it.
  lost: ["unknown", "verified"],
};

/** A browser that says it again and again does not have people wait the longer. */
const reportRestsSeconds = 24 * 3600;

const timeOf = ({ times }: TenantConsent, event: ConsentEvent, now: Date): Date => {
  const { reported, verified } = times;
  if (event.kind !== "reported" || !reported) return now;
  const isRepeated = now.getTime() - reported.getTime() < reportRestsSeconds * 1000;
  const wasProved = verified !== undefined && verified >= reported;
  return isRepeated && !wasProved ? reported : now;
};

/** A report that nothing came of for so long may never have been true. */
export const isStale = (consent: TenantConsent, now: Date): boolean =>
  consent.status === "reported" && !isSpreading(consent, now);

/** Whether somebody who was turned away has asked an administrator since the approval was proved. */
const wasAskedInSpite = ({ times: { requested, verified } }: TenantConsent): boolean =>
  requested !== undefined && verified !== undefined && requested > verified;

/**
 * What an event makes of a consent.
 *
 * @returns `undefined` when it changes nothing worth writing
 */
export const afterEvent = (
  consent: TenantConsent,
  event: ConsentEvent,
  now: Date,
): TenantConsent | undefined => {
  const hadItsTime = consent.status === "verified" && !isSpreading(consent, now);
  const isContradicted = hadItsTime && event.kind === "blocked" && event.bySeveral === true;
  // By people who were turned away in spite of the proof. For everybody else it stands.
  const isAskedInSpite = hadItsTime && event.kind === "requested";
  const isGivenAnew =
    hadItsTime &&
    event.kind === "verified" &&
    (event.proof.kind === "administrator" || wasAskedInSpite(consent));
  const moves =
    leadsFrom[event.kind].includes(consent.status) ||
    isContradicted ||
    isGivenAnew ||
    (isStale(consent, now) && (event.kind === "blocked" || event.kind === "requested"));
  const becomesCertain = event.kind === "blocked" && event.certain && !consent.blockIsCertain;
  if (!moves && !becomesCertain && !isAskedInSpite) return undefined;
  const isVerified = moves && event.kind === "verified";
  return {
    ...consent,
    status: moves ? event.kind : consent.status,
    times:
      moves || isAskedInSpite
        ? { ...consent.times, [event.kind]: timeOf(consent, event, now) }
        : consent.times,
    proof: isVerified ? event.proof : consent.proof,
    blockIsCertain: isVerified ? false : consent.blockIsCertain || becomesCertain,
  };
};

/** Whether what an event made of a consent is another status, or an approval that was given anew. */
export const hasMoved = (before: TenantConsent, after: TenantConsent): boolean =>
  after.status !== before.status || after.times.verified !== before.times.verified;

/** Whether people should be shown the way to an approval before they are sent into a dead end. */
export const needsApproval = ({ status }: TenantConsent): boolean =>
  status === "blocked" || status === "requested" || status === "lost";

/**
 * Since when the approval is lost and has not come back. Asking an administrator does not bring it back, nor does a
 * browser that says that one gave it.
 */
export const lostSince = ({ status, times: { lost, verified } }: TenantConsent) => {
  const isBack = status === "verified" || (verified && lost && verified > lost);
  return isBack ? undefined : lost;
};

/** Microsoft applies an approval within seconds to minutes; within this, a refusal means "wait". */
const spreadingSeconds = 600;

export const isSpreading = ({ times }: TenantConsent, now: Date): boolean =>
  [times.reported, times.verified].some(
    (since) => since !== undefined && now.getTime() - since.getTime() < spreadingSeconds * 1000,
  );

/**
 * What one person or account can say, and is believed for the whole organisation when so many different ones do, within so
 * long of the first.
 */
export const tallies = {
  /** Accounts whose refreshes are refused for the want of the approval. */
  lost: { atLeast: 2, withinSeconds: 600 },
  /** People who are turned away in spite of a proof: a browser can say so, and asking does. */
  turnedAway: { atLeast: 3, withinSeconds: 24 * 3600 },
} as const;
export type Tally = keyof typeof tallies;

export interface RecordedEvent {
  /** Whether this call moved the consent to another status, or gave an approval anew. */
  readonly moved: boolean;
  readonly before: TenantConsent;
  readonly consent: TenantConsent;
}

/** Tenant consents of one app registration and one set of permissions. */
export interface TenantConsents {
  /** Strongly consistent. One of status `unknown` if nothing is known. */
  find(organisation: Organisation): Promise<TenantConsent>;

  /**
   * Applies {@link afterEvent} in one conditional write, against the newest state.
   *
   * Of concurrent calls with the same event exactly one is told `moved`, also when an answer of the table
   * was lost.
   */
  record(organisation: Organisation, event: ConsentEvent, now: Date): Promise<RecordedEvent>;

  /**
   * Notes who said something of an organisation. Who shares one of their names with somebody who was counted is nobody new.
   *
   * @param names of one of them, by hashes
   * @param after what was said before then, together with the first of those counted, does not count any more
   * @returns how many different ones did within the tally's time; of very many, a number that is as good as theirs
   */
  count(
    organisation: Organisation,
    tally: Tally,
    names: readonly string[],
    now: Date,
    after?: Date,
  ): Promise<number>;

  /**
   * Verified organisations whose waiting people have not all been told; oldest first, at most `limit`. May lag a second.
   *
   * @param onUnreadable told of each that is not among them, because it cannot be read
   */
  noticesDue(limit: number, onUnreadable: OnUnreadable): Promise<readonly TenantConsent[]>;

  /** Forgets what is known of a person alone. Who was counted for them stays for as long as it counts. Repeating it is fine. */
  forget(person: ProductUser): Promise<void>;

  /** Everybody was told. Does nothing if it was verified anew since `consent` was read. */
  noticesDone(consent: TenantConsent): Promise<void>;
}

/** Microsoft's public directory of tenants. */
export interface Tenants {
  /**
   * The tenant that has proved to Microsoft that it owns a domain; the one of all personal accounts is nobody's.
   *
   * @returns `undefined` if there is none, `unavailable` if that cannot be found out just now
   */
  ofDomain(domain: MailDomain): Promise<TenantId | "unavailable" | undefined>;
}

/**
 * Mail domains that anybody may have an address under: also where the provider has verified one in its own tenant, that
 * is not the tenant of those who get their mail there.
 */
export type IsFreeMailDomain = (domain: MailDomain) => boolean;

/** What has to be asked to tell a person's organisation from their address. */
export interface OrganisationPorts {
  readonly tenants: Tenants;
  readonly isFreeMailDomain: IsFreeMailDomain;
}

/** The person's tenant where one is known, else the person alone. */
export const organisationIn = (tenantId: TenantId | undefined, user: ProductUser): Organisation =>
  tenantId ? { kind: "tenant", tenantId } : personAlone(user);

/** The tenant that owns the domain of an address: see {@link Tenants}. */
export const tenantOfAddress = async (
  email: MailAddress | undefined,
  { tenants, isFreeMailDomain }: OrganisationPorts,
): Promise<TenantId | "unavailable" | undefined> => {
  const mailDomain = email && domainOf(email);
  return mailDomain && !isFreeMailDomain(mailDomain) ? tenants.ofDomain(mailDomain) : undefined;
};

/**
 * The organisation of a person, as far as their address at the product tells. While Microsoft cannot be asked they are
 * alone: what they say then is nobody else's.
 */
export const organisationOf = async (
  {
    user,
    email,
  }: {
    readonly user: ProductUser;
    /** Their address at the product, if it is known. */
    readonly email: MailAddress | undefined;
  },
  ports: OrganisationPorts,
): Promise<Organisation> => {
  const tenantId = await tenantOfAddress(email, ports);
  return organisationIn(tenantId === "unavailable" ? undefined : tenantId, user);
};

/** A step of the way from a blocked person to an approved organisation, in words that may be logged. */
export interface ApprovalStep {
  readonly step: "blocked" | "requested" | "mailed" | "opened" | "reported" | "verified" | "lost";
  /** {@link organisationKey} */
  readonly organisation: string;
  /** From the request that this step answers. */
  readonly sinceRequestedSeconds?: number;
}

/** Told of steps, for the log and the metrics made of it. */
export type NoteStep = (step: ApprovalStep) => void;

const noteMove = (
  { moved, before, consent }: RecordedEvent,
  { kind: step }: ConsentEvent,
  note: NoteStep,
  now: Date,
) => {
  if (!moved) return;
  const { organisation, times } = consent;
  const { verified: answered } = before.times;
  const waited =
    step === "verified" && times.requested && !(answered && answered >= times.requested)
      ? { sinceRequestedSeconds: Math.round((now.getTime() - times.requested.getTime()) / 1000) }
      : {};
  note({ step, organisation: organisationKey(organisation), ...waited });
};

export interface RecordPorts {
  readonly consents: Pick<TenantConsents, "record">;
  readonly noteStep: NoteStep;
  readonly now: () => Date;
}

/** Records an event for an organisation, and notes it as a step if it is one. */
export const recordEvent = async (
  organisation: Organisation,
  event: ConsentEvent,
  { consents, noteStep, now }: RecordPorts,
): Promise<RecordedEvent> => {
  const recorded = await consents.record(organisation, event, now());
  noteMove(recorded, event, noteStep, now());
  return recorded;
};
