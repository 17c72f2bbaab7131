import { randomUUID } from "node:crypto";
import {
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  UpdateItemCommand,
} from "@aws-sdk/client-dynamodb";
import { marshall } from "@aws-sdk/util-dynamodb";
import { digestSeconds, type MailLedger, mailLimits } from "../../domain/consent-request.ts";
import { hashOf, ownerKeyOf } from "../../domain/ids.ts";
import { type MailAddress, mailboxOf } from "../../domain/mail-address.ts";
import { type Organisation, organisationKey } from "../../domain/tenant-consent.ts";
import { counterKey, recipientKey } from "./approval-keys.ts";
import { unlessRefused } from "./conditional.ts";
import { secondsOf } from "./instant.ts";

const counterKeptSeconds = 2 * 24 * 3600;

const suppressionKey = (address: MailAddress) => recipientKey(mailboxOf(address), "suppression");

const lastMailKey = (address: MailAddress, organisation: Organisation) =>
  recipientKey(mailboxOf(address), `last/${organisationKey(organisation)}`);

/**
 * Who was mailed how often, in DynamoDB: an item for each counter and day, one for the last mail to a mailbox for an
 * organisation, and one for a mailbox that nothing is sent to any more.
 *
 * Counters are taken before the mail is: what is refused, or dies halfway, may be counted, and nothing is sent that
 * is not.
 */
export const dynamoDbMailLedger = (client: DynamoDBClient, tableName: string): MailLedger => {
  const exists = async (key: Record<string, string>) => {
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

  const wasMailed = async (to: MailAddress, organisation: Organisation, now: Date) => {
    const last = await exists(lastMailKey(to, organisation));
    return last !== undefined && Number(last.mailedAt?.N) + digestSeconds > secondsOf(now);
  };

  /** @returns whether the next mail of the day is this one */
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
            claim,
            deleteAt: secondsOf(now) + counterKeptSeconds,
          }),
          ConditionExpression: "attribute_not_exists(pk) OR mailedAt <= :aDayAgo",
          ExpressionAttributeValues: marshall({ ":aDayAgo": secondsOf(now) - digestSeconds }),
        }),
      ),
    );
    return taken !== undefined || (await exists(key))?.claim?.S === claim;
  };

  return {
    async claim({ to, requester, organisation }, now) {
      if (await exists(suppressionKey(to))) return "suppressed";
      if (await wasMailed(to, organisation, now)) return "joined";
      const counters = [
        [`user/${ownerKeyOf(requester)}`, mailLimits.user],
        [`workspace/${hashOf("workspace", requester.workspaceId)}`, mailLimits.workspace],
        [`recipient/${hashOf("mailbox", mailboxOf(to))}`, mailLimits.recipient],
        ["all", mailLimits.all],
      ] as const;
      for (const [what, most] of counters) {
        if (!(await count(what, most, now))) return "limited";
      }
      return (await takeDay(to, organisation, now)) ? undefined : "joined";
    },

    async release(to, organisation) {
      await unlessRefused(
        client.send(
          new UpdateItemCommand({
            TableName: tableName,
            Key: marshall(lastMailKey(to, organisation)),
            UpdateExpression: "SET mailedAt = :never",
            ConditionExpression: "attribute_exists(pk)",
            ExpressionAttributeValues: marshall({ ":never": 0 }),
          }),
        ),
      );
    },

    async suppress(address, reason, now) {
      await client.send(
        new PutItemCommand({
          TableName: tableName,
          Item: marshall({ ...suppressionKey(address), reason, since: secondsOf(now) }),
        }),
      );
    },

    async isSuppressed(address) {
      return (await exists(suppressionKey(address))) !== undefined;
    },
  };
};
