import { randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import {
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  UpdateItemCommand,
} from "@aws-sdk/client-dynamodb";
import { marshall, unmarshall } from "@aws-sdk/util-dynamodb";
import * as z from "zod/mini";
import type {
  ConsentRequest,
  ConsentRequests,
  NewConsentRequest,
  Requester,
} from "../../domain/consent-request.ts";
import { type ProductUser, userId, workspaceId } from "../../domain/ids.ts";
import { mailAddress } from "../../domain/mail-address.ts";
import type { Organisation } from "../../domain/tenant-consent.ts";
import { type ApprovalSubject, approvalKeys, requestPrefix } from "./approval-keys.ts";
import { unlessRefused } from "./conditional.ts";
import { fieldsOf } from "./fields.ts";
import { fromSeconds, secondsOf } from "./instant.ts";
import { organisationItem } from "./organisation.ts";
import { queried } from "./query.ts";
import { readOrTell } from "./read-or-tell.ts";

/** How long an old link can still say why it leads nowhere. Then TTL removes what is known of its person. */
const keptAfterExpirySeconds = 30 * 24 * 3600;
const keptAfterNoticeSeconds = 7 * 24 * 3600;

/** How often requests of one person may cross before the later one gives up. */
const openTries = 3;

const addressItem = z.pipe(
  z.string(),
  z.transform((text, context) => {
    const address = mailAddress(text);
    if (address) return address;
    context.issues.push({ code: "custom", message: "must be an address", input: "" });
    return z.NEVER;
  }),
);

const requestItem = z.object({
  organisation: organisationItem,
  requester: z.object({
    workspaceId: z.string(),
    userId: z.string(),
    email: addressItem,
    name: z.optional(z.string()),
    workspaceName: z.optional(z.string()),
  }),
  returnTo: z.string(),
  tokenHash: z.string(),
  sealedToken: z.string(),
  createdAt: fromSeconds,
  expiresAt: fromSeconds,
  mail: z.object({
    status: z.enum(["none", "sending", "sent", "unknown", "not_delivered", "joined"]),
    to: z.optional(addressItem),
    at: z.optional(fromSeconds),
  }),
  notifiedAt: z.optional(fromSeconds),
  notifiedBy: z.optional(z.string()),
});

const linkItem = z.object({
  organisation: organisationItem,
  workspaceId: z.string(),
  userId: z.string(),
});

const userOf = (item: { readonly userId: string; readonly workspaceId: string }): ProductUser => ({
  userId: userId(item.userId),
  workspaceId: workspaceId(item.workspaceId),
});

const requesterFields = ({ user, email, name, workspaceName }: Requester) => ({
  workspaceId: user.workspaceId,
  userId: user.userId,
  email,
  name,
  workspaceName,
});

const requestOf = (item: z.output<typeof requestItem>): ConsentRequest => {
  const { mail, requester } = item;
  return {
    organisation: item.organisation,
    requester: {
      user: userOf(requester),
      email: requester.email,
      name: requester.name,
      workspaceName: requester.workspaceName,
    },
    returnTo: item.returnTo,
    tokenHash: item.tokenHash,
    sealedToken: item.sealedToken,
    createdAt: item.createdAt,
    expiresAt: item.expiresAt,
    mail: {
      status: mail.status,
      ...(mail.to !== undefined && { to: mail.to }),
      ...(mail.at !== undefined && { at: mail.at }),
    },
    notifiedAt: item.notifiedAt,
  };
};

/**
 * Consent requests in DynamoDB: an item for each person and organisation, and one for each link ever given
 * out, which names the person. The link is written first: one that leads nowhere harms nobody.
 */
export const dynamoDbConsentRequests = (
  client: DynamoDBClient,
  tableName: string,
  subject: ApprovalSubject,
): ConsentRequests => {
  const keys = approvalKeys(subject);

  const read = async (organisation: Organisation, user: ProductUser) => {
    const { Item } = await client.send(
      new GetItemCommand({
        TableName: tableName,
        Key: marshall(keys.request(organisation, user)),
        ConsistentRead: true,
      }),
    );
    return Item && requestItem.parse(unmarshall(Item));
  };

  const putLink = async (request: NewConsentRequest) => {
    const { user } = request.requester;
    await client.send(
      new PutItemCommand({
        TableName: tableName,
        Item: marshall({
          ...keys.link(request.tokenHash),
          organisation: request.organisation,
          workspaceId: user.workspaceId,
          userId: user.userId,
          deleteAt: secondsOf(request.expiresAt) + keptAfterExpirySeconds,
        }),
      }),
    );
  };

  /** @returns the request if it stands, also when the answer was lost */
  const replace = async (
    request: NewConsentRequest,
    before: string | undefined,
  ): Promise<ConsentRequest | undefined> => {
    const { organisation, requester } = request;
    const item = {
      organisation,
      requester: requesterFields(requester),
      returnTo: request.returnTo,
      tokenHash: request.tokenHash,
      sealedToken: request.sealedToken,
      createdAt: secondsOf(request.createdAt),
      expiresAt: secondsOf(request.expiresAt),
      mail: { status: "none" },
    };
    const written = await unlessRefused(
      client.send(
        new PutItemCommand({
          TableName: tableName,
          Item: marshall(
            {
              ...keys.request(organisation, requester.user),
              ...item,
              deleteAt: item.expiresAt + keptAfterExpirySeconds,
            },
            { removeUndefinedValues: true },
          ),
          ConditionExpression:
            before === undefined ? "attribute_not_exists(pk)" : "tokenHash = :before",
          ...(before !== undefined && {
            ExpressionAttributeValues: marshall({ ":before": before }),
          }),
        }),
      ),
    );
    if (written) return requestOf(requestItem.parse(item));
    const stands = await read(organisation, requester.user);
    return stands?.tokenHash === request.tokenHash ? requestOf(stands) : undefined;
  };

  /** @returns the open request, of its requester as they are now; `undefined` if it is not open any more */
  const renamed = async (
    item: z.output<typeof requestItem>,
    { organisation, requester }: NewConsentRequest,
  ): Promise<ConsentRequest | undefined> => {
    const stored = requestOf(item);
    if (isDeepStrictEqual(stored.requester, requester)) return stored;
    const written = await unlessRefused(
      client.send(
        new UpdateItemCommand({
          TableName: tableName,
          Key: marshall(keys.request(organisation, requester.user)),
          UpdateExpression: "SET requester = :requester",
          ConditionExpression: "tokenHash = :tokenHash AND attribute_not_exists(notifiedAt)",
          ExpressionAttributeValues: marshall(
            { ":requester": requesterFields(requester), ":tokenHash": item.tokenHash },
            { removeUndefinedValues: true },
          ),
        }),
      ),
    );
    return written && { ...stored, requester };
  };

  return {
    async find(organisation, user) {
      const item = await read(organisation, user);
      return item && requestOf(item);
    },

    async open(request) {
      const { organisation, requester, createdAt } = request;
      for (let tries = 0; tries < openTries; tries += 1) {
        const before = await read(organisation, requester.user);
        const isOpen = before && !before.notifiedAt && before.expiresAt > createdAt;
        if (isOpen) {
          const open = await renamed(before, request);
          if (open) return open;
          continue;
        }
        await putLink(request);
        const opened = await replace(request, before?.tokenHash);
        if (opened) return opened;
      }
      throw new Error("other requests of the same person kept coming first");
    },

    async findByLink(tokenHash) {
      const { Item } = await client.send(
        new GetItemCommand({
          TableName: tableName,
          Key: marshall(keys.link(tokenHash)),
          ConsistentRead: true,
        }),
      );
      if (!Item) return undefined;
      const link = linkItem.parse(unmarshall(Item));
      const item = await read(link.organisation, userOf(link));
      return item && { request: requestOf(item), isCurrent: item.tokenHash === tokenHash };
    },

    async waiting(organisation, onUnreadable) {
      const found: ConsentRequest[] = [];
      const items = queried(client, {
        TableName: tableName,
        KeyConditionExpression: "pk = :pk AND begins_with(sk, :request)",
        FilterExpression: "attribute_not_exists(notifiedAt)",
        ExpressionAttributeValues: marshall({
          ":pk": keys.partition(organisation),
          ":request": requestPrefix,
        }),
        ConsistentRead: true,
      });
      for await (const item of items) {
        const read = readOrTell(requestItem, item, `${item.pk} ${item.sk}`, onUnreadable);
        if (read) found.push(requestOf(read));
      }
      return found.toSorted((left, right) => left.createdAt.getTime() - right.createdAt.getTime());
    },

    async othersWaiting({ organisation, tokenHash }, most) {
      const { Items = [] } = await client.send(
        new QueryCommand({
          TableName: tableName,
          KeyConditionExpression: "pk = :pk AND begins_with(sk, :request)",
          FilterExpression: "attribute_not_exists(notifiedAt) AND tokenHash <> :own",
          ProjectionExpression: "sk",
          ExpressionAttributeValues: marshall({
            ":pk": keys.partition(organisation),
            ":request": requestPrefix,
            ":own": tokenHash,
          }),
          // Whoever has a link may have this read as often as they like. Those who were told are read as well.
          Limit: 2 * most + 2,
        }),
      );
      return { people: Math.min(Items.length, most), areMore: Items.length > most };
    },

    async claimNotice({ organisation, requester, tokenHash }, now) {
      const claim = randomUUID();
      const claimed = await unlessRefused(
        client.send(
          new UpdateItemCommand({
            TableName: tableName,
            Key: marshall(keys.request(organisation, requester.user)),
            UpdateExpression: "SET notifiedAt = :now, notifiedBy = :claim, deleteAt = :deleteAt",
            ConditionExpression: "tokenHash = :tokenHash AND attribute_not_exists(notifiedAt)",
            ExpressionAttributeValues: marshall({
              ":now": secondsOf(now),
              ":claim": claim,
              ":deleteAt": secondsOf(now) + keptAfterNoticeSeconds,
              ":tokenHash": tokenHash,
            }),
          }),
        ),
      );
      const isOurs =
        claimed !== undefined || (await read(organisation, requester.user))?.notifiedBy === claim;
      return isOurs ? claim : undefined;
    },

    async releaseNotice({ organisation, requester, expiresAt }, claim, now) {
      const keptUntil = Math.max(
        secondsOf(expiresAt) + keptAfterExpirySeconds,
        secondsOf(now) + keptAfterNoticeSeconds,
      );
      await unlessRefused(
        client.send(
          new UpdateItemCommand({
            TableName: tableName,
            Key: marshall(keys.request(organisation, requester.user)),
            UpdateExpression: "SET deleteAt = :keptUntil REMOVE notifiedAt, notifiedBy",
            ConditionExpression: "notifiedBy = :claim",
            ExpressionAttributeValues: marshall({ ":keptUntil": keptUntil, ":claim": claim }),
          }),
        ),
      );
    },

    async noteMail({ organisation, requester, tokenHash }, mail) {
      const endsSending = mail.status === "sent" || mail.status === "unknown";
      await unlessRefused(
        client.send(
          new UpdateItemCommand({
            TableName: tableName,
            Key: marshall(keys.request(organisation, requester.user)),
            UpdateExpression: "SET mail = :mail",
            ConditionExpression: `tokenHash = :tokenHash${endsSending ? " AND mail.#status = :sending" : ""}`,
            ...(endsSending && { ExpressionAttributeNames: { "#status": "status" } }),
            ExpressionAttributeValues: marshall(
              {
                ":mail": { ...mail, at: mail.at && secondsOf(mail.at) },
                ":tokenHash": tokenHash,
                ...(endsSending && { ":sending": "sending" }),
              },
              { removeUndefinedValues: true },
            ),
          }),
        ),
      );
    },

    async erase(organisation, user) {
      const key = keys.request(organisation, user);
      const { Item } = await client.send(
        new GetItemCommand({
          TableName: tableName,
          Key: marshall(key),
          ConsistentRead: true,
          // No more than is needed, so that what somebody has spoiled is erased as well.
          ProjectionExpression: "pk, tokenHash",
        }),
      );
      if (!Item) return;
      const { tokenHash } = fieldsOf(Item);
      // The link first: without the request nothing names it.
      const link = typeof tokenHash === "string" ? [keys.link(tokenHash)] : [];
      for (const each of [...link, key]) {
        await client.send(new DeleteItemCommand({ TableName: tableName, Key: marshall(each) }));
      }
    },
  };
};
