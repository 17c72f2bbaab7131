import { digestSeconds, type MailLedger, mailLimits } from "../../shared/domain/consent-request.ts";
import { ownerKeyOf } from "../../shared/domain/ids.ts";
import { type MailAddress, mailboxOf } from "../../shared/domain/mail-address.ts";
import { type Organisation, organisationKey } from "../../shared/domain/tenant-consent.ts";

/** Who was mailed how often, in memory. Every method is one step. */
export const memoryMailLedger = (): MailLedger => {
  const suppressed = new Set<string>();
  const lastMails = new Map<string, Date>();
  const counts = new Map<string, number>();

  const pairOf = (to: MailAddress, organisation: Organisation) =>
    `${mailboxOf(to)} ${organisationKey(organisation)}`;

  return {
    claim: async ({ to, requester, organisation }, now) => {
      const mailbox = mailboxOf(to);
      if (suppressed.has(mailbox)) return "suppressed";
      const pair = pairOf(to, organisation);
      const last = lastMails.get(pair);
      if (last && now.getTime() - last.getTime() < digestSeconds * 1000) return "joined";
      const day = now.toISOString().slice(0, 10);
      const counters = [
        [`user ${ownerKeyOf(requester)} ${day}`, mailLimits.user],
        [`workspace ${requester.workspaceId} ${day}`, mailLimits.workspace],
        [`recipient ${mailbox} ${day}`, mailLimits.recipient],
        [`all ${day}`, mailLimits.all],
      ] as const;
      if (counters.some(([key, most]) => (counts.get(key) ?? 0) >= most)) return "limited";
      for (const [key] of counters) counts.set(key, (counts.get(key) ?? 0) + 1);
      lastMails.set(pair, now);
      return undefined;
    },

    release: async (to, organisation) => {
      lastMails.delete(pairOf(to, organisation));
    },

    suppress: async (address) => {
      suppressed.add(mailboxOf(address));
    },

    isSuppressed: async (address) => suppressed.has(mailboxOf(address)),
  };
};
