import {
  CreateTableCommand,
  DescribeTableCommand,
  DynamoDBClient,
  ResourceInUseException,
  ResourceNotFoundException,
  type TableDescription,
  waitUntilTableExists,
} from "@aws-sdk/client-dynamodb";
import * as z from "zod/mini";

const keySchema = z.array(
  z.object({ AttributeName: z.string(), KeyType: z.enum(["HASH", "RANGE"]) }),
);

const indexes = z.optional(
  z.array(
    z.object({
      IndexName: z.string(),
      KeySchema: keySchema,
      Projection: z.object({
        ProjectionType: z.optional(z.enum(["ALL", "KEYS_ONLY", "INCLUDE"])),
        NonKeyAttributes: z.optional(z.array(z.string())),
      }),
    }),
  ),
);

/** What `AWS::DynamoDB::Table` and `AWS::DynamoDB::GlobalTable` have in common; the rest is left to AWS. */
const tableDefinition = z.object({
  TableName: z.string(),
  KeySchema: keySchema,
  AttributeDefinitions: z.array(
    z.object({ AttributeName: z.string(), AttributeType: z.enum(["S", "N", "B"]) }),
  ),
  GlobalSecondaryIndexes: indexes,
  LocalSecondaryIndexes: indexes,
});
type TableDefinition = z.infer<typeof tableDefinition>;

/** Keys and indexes in one order, so that what was asked for can be compared with what is there. */
const shapeOf = (table: TableDefinition | TableDescription): string => {
  const keys = (schema: TableDescription["KeySchema"]) =>
    (schema ?? []).map((key) => `${key.KeyType} ${key.AttributeName}`).join(", ");
  const allIndexes = [
    ...(table.GlobalSecondaryIndexes ?? []),
    ...(table.LocalSecondaryIndexes ?? []),
  ];
  const index = (one: (typeof allIndexes)[number]) => {
    const projected = [...(one.Projection?.NonKeyAttributes ?? [])].sort().join(" ");
    return `${one.IndexName}: ${keys(one.KeySchema)} ${one.Projection?.ProjectionType ?? "ALL"} ${projected}`;
  };
  const types = (table.AttributeDefinitions ?? []).map(
    (attribute) => `${attribute.AttributeName} ${attribute.AttributeType}`,
  );
  return JSON.stringify([keys(table.KeySchema), allIndexes.map(index).sort(), types.sort()]);
};

const createTable = async (client: DynamoDBClient, definition: TableDefinition): Promise<void> => {
  const { TableName, KeySchema, AttributeDefinitions } = definition;
  try {
    await client.send(
      new CreateTableCommand({
        TableName,
        KeySchema,
        AttributeDefinitions,
        ...(definition.GlobalSecondaryIndexes?.length
          ? { GlobalSecondaryIndexes: definition.GlobalSecondaryIndexes }
          : {}),
        ...(definition.LocalSecondaryIndexes?.length
          ? { LocalSecondaryIndexes: definition.LocalSecondaryIndexes }
          : {}),
        // Capacity means nothing to a local engine.
        BillingMode: "PAY_PER_REQUEST",
      }),
    );
  } catch (error) {
    // Somebody else created it in the meantime.
    if (!(error instanceof ResourceInUseException)) throw error;
  }
  await waitUntilTableExists(
    { client, minDelay: 0.02, maxDelay: 0.2, maxWaitTime: 30 },
    { TableName },
  );
};

const findTable = async (client: DynamoDBClient, name: string) => {
  try {
    return (await client.send(new DescribeTableCommand({ TableName: name }))).Table;
  } catch (error) {
    if (error instanceof ResourceNotFoundException) return undefined;
    throw error;
  }
};

/**
 * Creates the tables that do not exist yet, and returns when they can be used. TTL is not set: the local
 * engines never delete what expired.
 *
 * @param endpoint the engine's origin
 * @param definitions `Properties` of `AWS::DynamoDB::Table` or `AWS::DynamoDB::GlobalTable` as a
 *   synthesized template has them, with a `TableName` that is a plain string
 * @throws if a table exists with other keys or indexes: a kept folder is then older than the template.
 */
export const createTables = async (
  endpoint: string,
  definitions: readonly unknown[],
): Promise<void> => {
  const client = new DynamoDBClient({
    endpoint,
    region: process.env.AWS_REGION ?? "eu-west-1",
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  });
  try {
    for (const definition of z.array(tableDefinition).parse(definitions)) {
      const existing = await findTable(client, definition.TableName);
      if (!existing) await createTable(client, definition);
      else if (shapeOf(existing) !== shapeOf(definition)) {
        throw new Error(
          `The table ${definition.TableName} was created with other keys or indexes. Delete the folder it is kept in.`,
        );
      }
    }
  } finally {
    client.destroy();
  }
};
