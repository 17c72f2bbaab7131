import { randomUUID } from "node:crypto";
import {
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  UpdateItemCommand,
} from "@aws-sdk/client-dynamodb";
import { marshall, unmarshall } from "@aws-sdk/util-dynamodb";
import * as z from "zod/mini";
import {
  afterEvent,
  consentStatuses,
  hasMoved,
  type Organisation,
  personAlone,
  type Tally,
  type TenantConsent,
  type TenantConsents,
  tallies,
  unknownConsent,
} from "../../domain/tenant-consent.ts";
import { type ApprovalSubject, approvalKeys } from "./approval-keys.ts";
import { unlessRefused } from "./conditional.ts";
import { fromSeconds, secondsOf } from "./instant.ts";
import { organisationItem } from "./organisation.ts";
import { queried } from "./query.ts";
import { readOrTell } from "./read-or-tell.ts";

/** Sparse: holds only organisations whose waiting people have not all been told. */
export const noticesIndex = "byNotice";

/** A step of a person alone is news to nobody after so long. */
const personKeptSeconds = 90 * 24 * 3600;

/** How often concurrent events may come first before this one gives up. */
const recordTries = 8;

/** More than a tally needs tell nothing new. */
const mostNames = 60;

const proofItem = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("administrator"), roles: z.array(z.string()) }),
  z.object({ kind: z.literal("user_grant") }),
]);

const time = z.optional(fromSeconds);

const consentItem = z.object({
  version: z.int(),
  organisation: organisationItem,
  status: z.enum(consentStatuses),
  times: z.object({
    blocked: time,
    requested: time,
    reported: time,
    verified: time,
    lost: time,
  }),
  proof: z.optional(proofItem),
  blockIsCertain: z.boolean(),
  writtenBy: z.string(),
  noticesDue: z.optional(z.literal("due")),
});

const tallyItem = z.object({
  version: z.int(),
  since: fromSeconds,
  names: z.array(z.string()),
  counted: z.int(),
});

/** Without the steps that were never taken. */
const timesOf = (times: TenantConsent["times"]) =>
  Object.fromEntries(
    Object.entries(times).flatMap(([step, at]) => (at ? [[step, secondsOf(at)]] : [])),
  );

const consentOf = (item: z.output<typeof consentItem>): TenantConsent => ({
  organisation: item.organisation,
  status: item.status,
  times: Object.fromEntries(Object.entries(item.times).filter(([, at]) => at !== undefined)),
  proof: item.proof,
  blockIsCertain: item.blockIsCertain,
});

/** Tenant consents in DynamoDB, one item for each organisation. */
export const dynamoDbTenantConsents = (
  client: DynamoDBClient,
  tableName: string,
  subject: ApprovalSubject,
): TenantConsents => {
  const keys = approvalKeys(subject);

  const read = async (organisation: Organisation) => {
    const { Item } = await client.send(
      new GetItemCommand({
        TableName: tableName,
        Key: marshall(keys.state(organisation)),
        ConsistentRead: true,
      }),
    );
    return Item && consentItem.parse(unmarshall(Item));
  };

  /** @returns whether it was written: by this call, also when the answer to it was lost */
  const write = async (
    consent: TenantConsent,
    version: number,
    noticesAreDue: boolean,
    now: Date,
  ): Promise<boolean> => {
    const claim = randomUUID();
    const { organisation, status, times, proof, blockIsCertain } = consent;
    const written = await unlessRefused(
      client.send(
        new PutItemCommand({
          TableName: tableName,
          Item: marshall(
            {
              ...keys.state(organisation),
              version: version + 1,
              organisation,
              status,
              times: timesOf(times),
              proof,
              blockIsCertain,
              writtenBy: claim,
              ...(organisation.kind === "person" && {
                deleteAt: secondsOf(now) + personKeptSeconds,
              }),
              ...(noticesAreDue && {
                noticesDue: "due",
                verifiedAt: times.verified?.toISOString(),
              }),
            },
            { removeUndefinedValues: true },
          ),
          ConditionExpression: "attribute_not_exists(pk) OR version = :version",
          ExpressionAttributeValues: marshall({ ":version": version }),
        }),
      ),
    );
    return written !== undefined || (await read(organisation))?.writtenBy === claim;
  };

  const countOnce = async (
    organisation: Organisation,
    tally: Tally,
    names: readonly string[],
    now: Date,
    after: Date | undefined,
  ): Promise<number | undefined> => {
    const { withinSeconds } = tallies[tally];
    const key = keys.tally(organisation, tally);
    const { Item } = await client.send(
      new GetItemCommand({ TableName: tableName, Key: marshall(key), ConsistentRead: true }),
    );
    const stored = Item && tallyItem.parse(unmarshall(Item));
    const isFresh =
      stored &&
      now.getTime() - stored.since.getTime() < withinSeconds * 1000 &&
      (after === undefined || stored.since > after);
    const known = new Set(isFresh ? stored.names : []);
    const others = isFresh ? stored.counted : 0;
    const isNew = !names.some((name) => known.has(name));
    const counted = isNew ? others + 1 : others;
    const all = new Set([...known, ...names]);
    if (all.size === known.size || known.size >= mostNames) return others;
    const written = await unlessRefused(
      client.send(
        new PutItemCommand({
          TableName: tableName,
          Item: marshall({
            ...key,
            version: (stored?.version ?? 0) + 1,
            since: isFresh ? secondsOf(stored.since) : secondsOf(now),
            names: [...all],
            counted,
            deleteAt: secondsOf(now) + withinSeconds,
          }),
          ConditionExpression: "attribute_not_exists(pk) OR version = :version",
          ExpressionAttributeValues: marshall({ ":version": stored?.version ?? 0 }),
        }),
      ),
    );
    // A repeated write whose answer was lost is refused, and found done when it is read again.
    return written && counted;
  };

  return {
    async find(organisation) {
      const item = await read(organisation);
      return item ? consentOf(item) : unknownConsent(organisation);
    },

    async record(organisation, event, now) {
      for (let tries = 0; tries < recordTries; tries += 1) {
        const item = await read(organisation);
        const before = item ? consentOf(item) : unknownConsent(organisation);
        const after = afterEvent(before, event, now);
        if (!after) return { moved: false, before, consent: before };
        const moved = hasMoved(before, after);
        const wereDue = item?.noticesDue !== undefined;
        const areDue = moved ? after.status === "verified" : wereDue;
        if (await write(after, item?.version ?? 0, areDue, now)) {
          return { moved, before, consent: after };
        }
      }
      throw new Error("other events of the same organisation kept coming first");
    },

    async count(organisation, tally, names, now, after) {
      for (let tries = 0; tries < recordTries; tries += 1) {
        const counted = await countOnce(organisation, tally, names, now, after);
        if (counted !== undefined) return counted;
      }
      throw new Error("others of the same organisation kept being counted first");
    },

    async noticesDue(limit, onUnreadable) {
      const due: TenantConsent[] = [];
      const items = queried(client, {
        TableName: tableName,
        IndexName: noticesIndex,
        KeyConditionExpression: "noticesDue = :due",
        // Those of another app registration or permission set are told by its own functions. They may stay for good and
        // fill whole pages.
        FilterExpression: "begins_with(pk, :subject)",
        ExpressionAttributeValues: marshall({
          ":due": "due",
          ":subject": `${subject.clientId}/${subject.scopeSet}/`,
        }),
      });
      for await (const item of items) {
        if (due.length === limit) break;
        const read = readOrTell(consentItem, item, `${item.pk} ${item.sk}`, onUnreadable);
        if (read) due.push(consentOf(read));
      }
      return due;
    },

    async forget(person) {
      const key = keys.state(personAlone(person));
      await client.send(new DeleteItemCommand({ TableName: tableName, Key: marshall(key) }));
    },

    async noticesDone({ organisation, times }) {
      await unlessRefused(
        client.send(
          new UpdateItemCommand({
            TableName: tableName,
            Key: marshall(keys.state(organisation)),
            UpdateExpression: "SET version = version + :one REMOVE noticesDue, verifiedAt",
            ConditionExpression: "#status = :verified AND times.verified = :verifiedAt",
            ExpressionAttributeNames: { "#status": "status" },
            ExpressionAttributeValues: marshall({
              ":one": 1,
              ":verified": "verified",
              ":verifiedAt": times.verified ? secondsOf(times.verified) : 0,
            }),
          }),
        ),
      );
    },
  };
};
