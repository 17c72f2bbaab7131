import { randomUUID } from "node:crypto";
import {
  bounceKeptSeconds,
  digestSeconds,
  heldSeconds,
  type MailLedger,
  mailLimits,
} from "../../shared/domain/consent-request.ts";
import { ownerKeyOf } from "../../shared/domain/ids.ts";
import { type MailAddress, mailboxOf } from "../../shared/domain/mail-address.ts";
import { fail, succeed } from "../../shared/domain/result.ts";
import { type Organisation, organisationKey } from "../../shared/domain/tenant-consent.ts";

interface LastMail {
  readonly claim: string;
  readonly at: Date;
  readonly isBegun: boolean;
}

/** Who was mailed how often, in memory. Every method is one step. */
export const memoryMailLedger = (): MailLedger => {
  const complained = new Set<string>();
  const bounced = new Map<string, Date>();
  const lastMails = new Map<string, LastMail>();
  const counts = new Map<string, number>();

  const pairOf = (to: MailAddress, organisation: Organisation) =>
    `${mailboxOf(to)} ${organisationKey(organisation)}`;

  const isSuppressed = (address: MailAddress, now: Date) => {
    const bouncedAt = bounced.get(address.toLowerCase());
    const isBounced =
      bouncedAt !== undefined && now.getTime() - bouncedAt.getTime() < bounceKeptSeconds * 1000;
    return isBounced || complained.has(mailboxOf(address));
  };

  return {
    claim: async ({ to, requester, organisation, recipientTenant }, now) => {
      const mailbox = mailboxOf(to);
      if (isSuppressed(to, now)) return fail("suppressed");
      const pair = pairOf(to, organisation);
      const last = lastMails.get(pair);
      const isWithin = (seconds: number) =>
        last !== undefined && now.getTime() - last.at.getTime() < seconds * 1000;
      if (last?.isBegun && isWithin(digestSeconds)) return fail("joined");
      if (isWithin(heldSeconds)) return fail("held");
      const day = now.toISOString().slice(0, 10);
      const counters = [
        [`user ${ownerKeyOf(requester)} ${day}`, mailLimits.user],
        [`person ${requester.userId} ${day}`, mailLimits.person],
        [`workspace ${requester.workspaceId} ${day}`, mailLimits.workspace],
        [`recipient ${mailbox} ${day}`, mailLimits.recipient],
        [`tenant ${recipientTenant} ${day}`, mailLimits.tenant],
        [`all ${day}`, mailLimits.all],
      ] as const;
      const reached = counters.find(([key, most]) => (counts.get(key) ?? 0) >= most);
      if (reached) return fail(reached[0].startsWith("all ") ? "exhausted" : "limited");
      for (const [key] of counters) counts.set(key, (counts.get(key) ?? 0) + 1);
      const claim = randomUUID();
      lastMails.set(pair, { claim, at: now, isBegun: false });
      return succeed(claim);
    },

    begin: async (to, organisation, claim, now) => {
      const pair = pairOf(to, organisation);
      if (lastMails.get(pair)?.claim !== claim) return false;
      lastMails.set(pair, { claim, at: now, isBegun: true });
      return true;
    },

    release: async (to, organisation, claim) => {
      const pair = pairOf(to, organisation);
      const last = lastMails.get(pair);
      const isMeant = claim === undefined || last?.claim === claim;
      if (last && isMeant) lastMails.set(pair, { ...last, at: new Date(0) });
    },

    suppress: async (address, reason, now) => {
      if (reason === "bounce") bounced.set(address.toLowerCase(), now);
      else complained.add(mailboxOf(address));
    },

    isSuppressed: async (address, now) => isSuppressed(address, now),
  };
};
