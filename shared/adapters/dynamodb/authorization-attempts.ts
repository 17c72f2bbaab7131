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
  type AttemptOutcome,
  type AttemptView,
  type AuthorizationAttempts,
  attemptsPerUser,
  type NewAttempt,
  type ParkedAnswer,
  type TakenAttempt,
} from "../../domain/attempt.ts";
import {
  type AttemptId,
  attemptId,
  connectionId,
  objectId,
  ownerKeyOf,
  type ProductUser,
  tenantId,
  userId,
  workspaceId,
} from "../../domain/ids.ts";
import type { Authority } from "../../domain/microsoft.ts";
import { unlessRefused } from "./conditional.ts";
import { fromSeconds, secondsOf } from "./instant.ts";
import { problemItem } from "./problem.ts";

/** How long the outcome can still be asked for after the attempt is over. Then TTL removes the item. */
const outcomeKeptSeconds = 3600;

const authorityItem = z.pipe(
  z.string(),
  z.transform((text): Authority => {
    if (text === "organizations" || text === "common" || text === "consumers") return text;
    return tenantId(text);
  }),
);

const answerItem = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("code"), sealedCode: z.string() }),
  z.object({
    kind: z.literal("refusal"),
    refusal: z.object({
      error: z.string(),
      suberror: z.exactOptional(z.string()),
      errorSubcode: z.exactOptional(z.string()),
      errorCodes: z.array(z.number()),
      traceId: z.exactOptional(z.string()),
      correlationId: z.exactOptional(z.string()),
    }),
  }),
]);

const attemptItem = z.object({
  id: z.string(),
  workspaceId: z.string(),
  userId: z.string(),
  status: z.enum(["pending", "returned", "completing", "completed", "failed"]),
  authority: authorityItem,
  requestedScopes: z.array(z.string()),
  returnTo: z.string(),
  reconnect: z.optional(
    z.object({ connectionId: z.string(), tenantId: z.string(), objectId: z.string() }),
  ),
  forOrganization: z._default(z.boolean(), false),
  approvedOnTheWay: z._default(z.boolean(), false),
  sealedSecrets: z.optional(z.string()),
  createdAt: fromSeconds,
  expiresAt: fromSeconds,
  completionHash: z.optional(z.string()),
  answer: z.optional(answerItem),
  takenAt: z.optional(fromSeconds),
  takenBy: z.optional(z.string()),
  answeredLate: z._default(z.boolean(), false),
  connectionId: z.optional(z.string()),
  problem: z.optional(problemItem),
});

const readAttempt = (item: Record<string, unknown>) => {
  const read = attemptItem.parse(item);
  const { reconnect } = read;
  return {
    ...read,
    id: attemptId(read.id),
    user: { userId: userId(read.userId), workspaceId: workspaceId(read.workspaceId) },
    reconnect: reconnect && {
      connectionId: connectionId(reconnect.connectionId),
      account: {
        tenantId: tenantId(reconnect.tenantId),
        objectId: objectId(reconnect.objectId),
      },
    },
  };
};

const viewOf = (attempt: ReturnType<typeof readAttempt>): AttemptView => ({
  id: attempt.id,
  user: attempt.user,
  status: attempt.status,
  returnTo: attempt.returnTo,
  forOrganization: attempt.forOrganization,
  reconnect: attempt.reconnect,
  expiresAt: attempt.expiresAt,
  takenAt: attempt.takenAt,
  connectionId: attempt.connectionId === undefined ? undefined : connectionId(attempt.connectionId),
  problem: attempt.problem,
  completionHash: attempt.completionHash,
  answeredLate: attempt.answeredLate,
});

const slotItem = z.object({ attemptId: z.string() });

/** Places for a person's attempts, each an item of its own, so that taking one is one write. */
const slotId = (user: ProductUser, slot: number) => `slot_${ownerKeyOf(user)}_${slot}`;

/**
 * Attempts in DynamoDB.
 *
 * Items: an attempt under its own id, and up to {@link attemptsPerUser} slots per person that hold the
 * id of an attempt until it expires, or ends without its code having been taken.
 */
export const dynamoDbAttempts = (
  client: DynamoDBClient,
  tableName: string,
): AuthorizationAttempts => {
  const takeSlot = async (attempt: NewAttempt): Promise<number | undefined> => {
    const open = {
      attemptId: attempt.id,
      expiresAt: secondsOf(attempt.expiresAt),
      deleteAt: secondsOf(attempt.expiresAt),
    };
    for (let slot = 0; slot < attemptsPerUser; slot += 1) {
      const taken = await unlessRefused(
        client.send(
          new PutItemCommand({
            TableName: tableName,
            Item: marshall({ id: slotId(attempt.user, slot), ...open }),
            // The attempt's own id counts as free: the answer to the first try may have been lost.
            ConditionExpression:
              "attribute_not_exists(id) OR expiresAt <= :now OR attemptId = :attemptId",
            ExpressionAttributeValues: marshall({
              ":now": secondsOf(attempt.createdAt),
              ":attemptId": attempt.id,
            }),
          }),
        ),
      );
      if (taken) return slot;
    }
    return undefined;
  };

  const readItem = async (id: AttemptId) => {
    const { Item } = await client.send(
      new GetItemCommand({ TableName: tableName, Key: marshall({ id }), ConsistentRead: true }),
    );
    return Item;
  };

  const read = async (id: AttemptId) => {
    const item = await readItem(id);
    return item && readAttempt(unmarshall(item));
  };

  const freeSlot = async (user: ProductUser, slot: number, id: AttemptId) => {
    await unlessRefused(
      client.send(
        new DeleteItemCommand({
          TableName: tableName,
          Key: marshall({ id: slotId(user, slot) }),
          ConditionExpression: "attemptId = :attemptId",
          ExpressionAttributeValues: marshall({ ":attemptId": id }),
        }),
      ),
    );
  };

  const attemptInSlot = async (user: ProductUser, slot: number) => {
    const { Item } = await client.send(
      new GetItemCommand({
        TableName: tableName,
        Key: marshall({ id: slotId(user, slot) }),
        ConsistentRead: true,
      }),
    );
    return Item && attemptId(slotItem.parse(unmarshall(Item)).attemptId);
  };

  /** The attempt first: a slot that is left still names it. */
  const emptySlot = async (user: ProductUser, slot: number) => {
    const id = await attemptInSlot(user, slot);
    if (!id) return;
    await client.send(new DeleteItemCommand({ TableName: tableName, Key: marshall({ id }) }));
    await freeSlot(user, slot, id);
  };

  const endedItem = z.object({
    slot: z.number(),
    userId: z.string(),
    workspaceId: z.string(),
    endedBy: z.optional(z.string()),
    /** What the answer was, which is not kept itself. */
    answered: z.optional(z.enum(["code", "refusal"])),
  });

  /** Ends an attempt that stands where `from` says. @returns whether this call did it */
  const finish = async (
    id: AttemptId,
    outcome: AttemptOutcome,
    from:
      | { readonly status: "completing" }
      | { readonly status: "returned"; readonly completionHash: string },
  ): Promise<boolean> => {
    const claim = randomUUID();
    const isReturned = from.status === "returned";
    const finished = await unlessRefused(
      client.send(
        new UpdateItemCommand({
          TableName: tableName,
          Key: marshall({ id }),
          UpdateExpression:
            "SET #status = :status, #detail = :detail, endedBy = :claim, answered = answer.kind " +
            "REMOVE answer, sealedSecrets",
          ConditionExpression: `#status = :from${isReturned ? " AND completionHash = :completionHash" : ""}`,
          ExpressionAttributeNames: {
            "#status": "status",
            "#detail": outcome.status === "completed" ? "connectionId" : "problem",
          },
          ExpressionAttributeValues: marshall({
            ":status": outcome.status,
            ":detail": outcome.status === "completed" ? outcome.connectionId : outcome.problem,
            ":claim": claim,
            ":from": from.status,
            ...(isReturned && { ":completionHash": from.completionHash }),
          }),
          ReturnValues: "ALL_NEW",
        }),
      ),
    );
    const item = finished?.Attributes ?? (await readItem(id));
    const ended = endedItem.safeParse(item && unmarshall(item));
    if (ended.data?.endedBy !== claim) return false;
    const { slot, answered, ...ids } = ended.data;
    const isCodeTaken = from.status === "completing" && answered === "code";
    if (!isCodeTaken) {
      const user = { userId: userId(ids.userId), workspaceId: workspaceId(ids.workspaceId) };
      await freeSlot(user, slot, id);
    }
    return true;
  };

  return {
    async begin(attempt) {
      const slot = await takeSlot(attempt);
      if (slot === undefined) return false;
      const { id, user, reconnect } = attempt;
      await client.send(
        new PutItemCommand({
          TableName: tableName,
          Item: marshall(
            {
              id,
              slot,
              userId: user.userId,
              workspaceId: user.workspaceId,
              status: "pending",
              authority: attempt.authority,
              requestedScopes: attempt.requestedScopes,
              returnTo: attempt.returnTo,
              reconnect: reconnect && {
                connectionId: reconnect.connectionId,
                ...reconnect.account,
              },
              forOrganization: attempt.forOrganization,
              sealedSecrets: attempt.sealedSecrets,
              createdAt: secondsOf(attempt.createdAt),
              expiresAt: secondsOf(attempt.expiresAt),
              deleteAt: secondsOf(attempt.expiresAt) + outcomeKeptSeconds,
            },
            { removeUndefinedValues: true },
          ),
        }),
      );
      return true;
    },

    async narrow(id, tenantId, now) {
      const narrowed = await unlessRefused(
        client.send(
          new UpdateItemCommand({
            TableName: tableName,
            Key: marshall({ id }),
            UpdateExpression: "SET authority = :tenant, approvedOnTheWay = :yes",
            ConditionExpression:
              "#status = :pending AND forOrganization = :yes AND expiresAt > :now",
            ExpressionAttributeNames: { "#status": "status" },
            ExpressionAttributeValues: marshall({
              ":tenant": tenantId,
              ":pending": "pending",
              ":yes": true,
              ":now": secondsOf(now),
            }),
            ReturnValues: "ALL_NEW",
          }),
        ),
      );
      const attempt = narrowed?.Attributes && readAttempt(unmarshall(narrowed.Attributes));
      return attempt?.sealedSecrets === undefined
        ? undefined
        : { sealedSecrets: attempt.sealedSecrets };
    },

    async park(id, answer: ParkedAnswer, completionHash, now) {
      const parked = await unlessRefused(
        client.send(
          new UpdateItemCommand({
            TableName: tableName,
            Key: marshall({ id }),
            UpdateExpression:
              "SET #status = :returned, answer = :answer, completionHash = :completionHash",
            // TTL may delete days late, so the deadline is checked here as well.
            ConditionExpression: "#status = :pending AND expiresAt > :now",
            ExpressionAttributeNames: { "#status": "status" },
            ExpressionAttributeValues: marshall(
              {
                ":returned": "returned",
                ":pending": "pending",
                ":answer": answer,
                ":completionHash": completionHash,
                ":now": secondsOf(now),
              },
              { removeUndefinedValues: true },
            ),
            ReturnValues: "ALL_NEW",
          }),
        ),
      );
      // The SDK repeats a write whose answer was lost; the repetition is refused although the first
      // one was done. The completion value is new for every call, so it tells whose write it was.
      const attempt = parked?.Attributes
        ? readAttempt(unmarshall(parked.Attributes))
        : await read(id);
      return attempt?.completionHash === completionHash
        ? { returnTo: attempt.returnTo }
        : undefined;
    },

    async noteLateAnswer(id) {
      await unlessRefused(
        client.send(
          new UpdateItemCommand({
            TableName: tableName,
            Key: marshall({ id }),
            UpdateExpression: "SET answeredLate = :yes",
            ConditionExpression: "#status = :pending",
            ExpressionAttributeNames: { "#status": "status" },
            ExpressionAttributeValues: marshall({ ":yes": true, ":pending": "pending" }),
          }),
        ),
      );
    },

    async take(id, user, completionHash, now): Promise<TakenAttempt | undefined> {
      const claim = randomUUID();
      const taken = await unlessRefused(
        client.send(
          new UpdateItemCommand({
            TableName: tableName,
            Key: marshall({ id }),
            UpdateExpression: "SET #status = :completing, takenAt = :now, takenBy = :claim",
            ConditionExpression:
              "#status = :returned AND completionHash = :completionHash AND expiresAt > :now " +
              "AND userId = :userId AND workspaceId = :workspaceId",
            ExpressionAttributeNames: { "#status": "status" },
            ExpressionAttributeValues: marshall({
              ":completing": "completing",
              ":returned": "returned",
              ":completionHash": completionHash,
              ":claim": claim,
              ":now": secondsOf(now),
              ":userId": user.userId,
              ":workspaceId": user.workspaceId,
            }),
            ReturnValues: "ALL_NEW",
          }),
        ),
      );
      const attempt = taken?.Attributes
        ? readAttempt(unmarshall(taken.Attributes))
        : await read(id);
      if (attempt?.takenBy !== claim) return undefined;
      const { answer, sealedSecrets } = attempt;
      if (!answer || !sealedSecrets) throw new Error("a returned attempt holds no answer");
      return { ...attempt, reconnect: attempt.reconnect, answer, sealedSecrets };
    },

    destroy: (id, completionHash, problem) =>
      finish(id, { status: "failed", problem }, { status: "returned", completionHash }),

    async end(id, outcome) {
      await finish(id, outcome, { status: "completing" });
    },

    async eraseOpen(user) {
      const slots = Array.from({ length: attemptsPerUser }, (_, slot) => slot);
      await Promise.all(slots.map((slot) => emptySlot(user, slot)));
    },

    async find(id) {
      const attempt = await read(id);
      return attempt && viewOf(attempt);
    },
  };
};
