import { hashOf, type ObjectId, type ProductUser } from "./ids.ts";
import { type MailAddress, mailboxOf } from "./mail-address.ts";
import {
  type Organisation,
  type RecordPorts,
  recordEvent,
  type TenantConsent,
  type TenantConsents,
  tallies,
} from "./tenant-consent.ts";

export interface TurnedAway {
  readonly organisation: Organisation;
  readonly user: ProductUser;
  readonly email: MailAddress | undefined;
  /** The account of the organisation that they have connected, if they come back to one. */
  readonly objectId: ObjectId | undefined;
}

export interface TurnedAwayPorts extends Omit<RecordPorts, "consents"> {
  readonly consents: Pick<TenantConsents, "record" | "count">;
}

/** One human has one account or mailbox under several users of the product, or one user with several of them. */
const namesOf = ({ user, objectId, email }: TurnedAway): readonly string[] => [
  hashOf("turned_away_user", user.userId),
  ...(objectId ? [hashOf("turned_away_account", objectId)] : []),
  ...(email ? [hashOf("turned_away_mailbox", mailboxOf(email))] : []),
];

const isSaidBySeveral = async (
  person: TurnedAway,
  { times }: TenantConsent,
  { consents, now }: TurnedAwayPorts,
): Promise<boolean> => {
  const { organisation } = person;
  const names = namesOf(person);
  const said = await consents.count(organisation, "turnedAway", names, now(), times.verified);
  return said >= tallies.turnedAway.atLeast;
};

/**
 * Remembers that somebody was turned away for the want of an administrator's approval. Their browser says so, or they
 * themselves, and so can anybody: it is enough for an organisation of which nothing better is known, while a proof
 * gives way to several people only.
 */
export const recordTurnedAway = async (
  person: TurnedAway,
  certain: boolean,
  consent: TenantConsent,
  ports: TurnedAwayPorts,
): Promise<void> => {
  const isProved = consent.status === "verified";
  const bySeveral = isProved && certain && (await isSaidBySeveral(person, consent, ports));
  if (isProved && !bySeveral) return;
  await recordEvent(person.organisation, { kind: "blocked", certain, bySeveral }, ports);
};
