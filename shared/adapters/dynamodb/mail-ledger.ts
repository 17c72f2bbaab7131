import { randomUUID } from "node:crypto";
import {
  type AttributeValue,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  UpdateItemCommand,
} from "@aws-sdk/client-dynamodb";
import { marshall } from "@aws-sdk/util-dynamodb";
import {
  bounceKeptSeconds,
  digestSeconds,
  heldSeconds,
  type MailLedger,
  type MailRefusal,
  mailLimits,
} from "../../domain/consent-request.ts";
import { hashOf, ownerKeyOf } from "../../domain/ids.ts";
import { type MailAddress, mailboxOf } from "../../domain/mail-address.ts";
import { fail, succeed } from "../../domain/result.ts";
import { type Organisation, organisationKey } from "../../domain/tenant-consent.ts";
import { counterKey, recipientKey } from "./approval-keys.ts";
import { unlessRefused } from "./conditional.ts";
import { secondsOf } from "./instant.ts";

const counterKeptSeconds = 2 * 24 * 3600;

/** Of a complaint. Earlier versions kept a bounce here as well, for ever. */
const suppressionKey = (address: MailAddress) => recipientKey(mailboxOf(address), "suppression");

type Item = Record<string, AttributeValue>;

/** A plus part that a server does not know says nothing of the mailbox without it. */
const bounceKey = (address: MailAddress) => recipientKey(address.toLowerCase(), "bounce");

const lastMailKey = (address: MailAddress, organisation: Organisation) =>
  recipientKey(mailboxOf(address), `last/${organisationKey(organisation)}`);

/**
 * Who was mailed how often, in DynamoDB: an item for each counter and day, one for the last mail to a mailbox for an
 * organisation, one for a mailbox that nothing is sent to any more, and one for an address from which mail came back.
 *
 * Counters are taken before the mail is: what is refused, or dies halfway, may be counted, and nothing is sent that
 * is not. The item of the last mail has `heldUntil` until that mail is begun, and is the next one's from then on if it
 * never is.
 */
export const dynamoDbMailLedger = (client: DynamoDBClient, tableName: string): MailLedger => {
  const find = async (key: Record<string, string>) => {
    const { Item } = await client.send(
      new GetItemCommand({ TableName: tableName, Key: marshall(key), ConsistentRead: true }),
    );
    return Item;
  };

  /** @returns `false` once so many were counted in a day (UTC) */
  const count = async (what: string, most: number, now: Date): Promise<boolean> => {
    const counted = await unlessRefused(
      client.send(
        new UpdateItemCommand({
          TableName: tableName,
          Key: marshall(counterKey(what, now.toISOString().slice(0, 10))),
          UpdateExpression: "ADD #count :one SET deleteAt = :deleteAt",
          ConditionExpression: "attribute_not_exists(#count) OR #count < :most",
          ExpressionAttributeNames: { "#count": "count" },
          ExpressionAttributeValues: marshall({
            ":one": 1,
            ":most": most,
            ":deleteAt": secondsOf(now) + counterKeptSeconds,
          }),
        }),
      ),
    );
    return counted !== undefined;
  };

  /** @returns why no mail may follow the last one yet */
  const refusalAfter = (last: Item | undefined, now: Date): MailRefusal | undefined => {
    if (last === undefined || Number(last.mailedAt?.N) + digestSeconds <= secondsOf(now)) {
      return undefined;
    }
    if (last.heldUntil === undefined) return "joined";
    return Number(last.heldUntil.N) > secondsOf(now) ? "held" : undefined;
  };

  const takeDay = async (to: MailAddress, organisation: Organisation, now: Date) => {
    const claim = randomUUID();
    const key = lastMailKey(to, organisation);
    const taken = await unlessRefused(
      client.send(
        new PutItemCommand({
          TableName: tableName,
          Item: marshall({
            ...key,
            mailedAt: secondsOf(now),
            heldUntil: secondsOf(now) + heldSeconds,
            claim,
            deleteAt: secondsOf(now) + counterKeptSeconds,
          }),
          ConditionExpression:
            "attribute_not_exists(pk) OR mailedAt <= :aDayAgo OR heldUntil <= :now",
          ExpressionAttributeValues: marshall({
            ":aDayAgo": secondsOf(now) - digestSeconds,
            ":now": secondsOf(now),
          }),
        }),
      ),
    );
    if (taken) return succeed(claim);
    const last = await find(key);
    if (last?.claim?.S === claim) return succeed(claim);
    // Free again within this moment: somebody is about to take it who is not this call.
    return fail(refusalAfter(last, now) ?? "held");
  };

  const isSuppressedBy = (items: readonly (Item | undefined)[], now: Date) => {
    // TTL deletes late.
    const lasts = ({ deleteAt }: Item) =>
      deleteAt === undefined || Number(deleteAt.N) > secondsOf(now);
    return items.some((item) => item !== undefined && lasts(item));
  };

  const isSuppressed = async (address: MailAddress, now: Date) =>
    isSuppressedBy(await Promise.all([suppressionKey(address), bounceKey(address)].map(find)), now);

  return {
    async claim({ to, requester, organisation, recipientTenant }, now) {
      const [last, ...suppressions] = await Promise.all(
        [lastMailKey(to, organisation), suppressionKey(to), bounceKey(to)].map(find),
      );
      if (isSuppressedBy(suppressions, now)) return fail("suppressed");
      const refusal = refusalAfter(last, now);
      if (refusal) return fail(refusal);
      const counters = [
        [`user/${ownerKeyOf(requester)}`, mailLimits.user],
        [`person/${hashOf("person", requester.userId)}`, mailLimits.person],
        [`workspace/${hashOf("workspace", requester.workspaceId)}`, mailLimits.workspace],
        [`recipient/${hashOf("mailbox", mailboxOf(to))}`, mailLimits.recipient],
        [`tenant/${recipientTenant}`, mailLimits.tenant],
      ] as const;
      for (const [what, most] of counters) {
        if (!(await count(what, most, now))) return fail("limited");
      }
      if (!(await count("all", mailLimits.all, now))) return fail("exhausted");
      return takeDay(to, organisation, now);
    },

    async begin(to, organisation, claim, now) {
      const begun = await unlessRefused(
        client.send(
          new UpdateItemCommand({
            TableName: tableName,
            Key: marshall(lastMailKey(to, organisation)),
            UpdateExpression: "SET mailedAt = :now REMOVE heldUntil",
            ConditionExpression: "claim = :claim",
            ExpressionAttributeValues: marshall({ ":now": secondsOf(now), ":claim": claim }),
          }),
        ),
      );
      return begun !== undefined;
    },

    async release(to, organisation, claim) {
      const values = { ":never": 0, ...(claim !== undefined && { ":claim": claim }) };
      await unlessRefused(
        client.send(
          new UpdateItemCommand({
            TableName: tableName,
            Key: marshall(lastMailKey(to, organisation)),
            UpdateExpression: "SET mailedAt = :never",
            ConditionExpression: claim === undefined ? "attribute_exists(pk)" : "claim = :claim",
            ExpressionAttributeValues: marshall(values),
          }),
        ),
      );
    },

    async suppress(address, reason, now) {
      await client.send(
        new PutItemCommand({
          TableName: tableName,
          Item: marshall({
            ...(reason === "bounce"
              ? { ...bounceKey(address), deleteAt: secondsOf(now) + bounceKeptSeconds }
              : suppressionKey(address)),
            reason,
            since: secondsOf(now),
          }),
        }),
      );
    },

    isSuppressed,
  };
};
