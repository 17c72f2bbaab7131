import * as z from "zod/mini";

/** What a request says of itself, by condition key; a key with several values has them all. */
export type RequestContext = Readonly<Record<string, readonly string[]>>;

const values = z.union([
  z.array(z.string()),
  z.pipe(
    z.string(),
    z.transform((one) => [one]),
  ),
]);

const keys = z.record(z.string(), values);

/** The operators that the roles use, by their names in a policy. */
const conditionSchema = z.strictObject({
  "ForAllValues:StringEquals": z.optional(keys),
  Null: z.optional(keys),
  NumericLessThanEquals: z.optional(keys),
  StringEquals: z.optional(keys),
});
export type Condition = z.output<typeof conditionSchema>;

/** @returns `undefined` if it is not understood here */
export const readCondition = (stated: unknown): Condition | undefined =>
  conditionSchema.safeParse(stated).data;

type Operator = (given: readonly string[], wanted: readonly string[]) => boolean;

/** IAM User Guide, "IAM JSON policy elements: Condition operators" and "Set operators for multivalued context keys" */
const operators: Readonly<Record<keyof Condition, Operator>> = {
  // True without a value, too: this is why `Null` stands beside it.
  "ForAllValues:StringEquals": (given, wanted) => given.every((value) => wanted.includes(value)),
  Null: (given, wanted) => wanted.includes(String(given.length === 0)),
  NumericLessThanEquals: (given, wanted) =>
    given.length > 0 &&
    given.every((value) => wanted.some((most) => Number(value) <= Number(most))),
  StringEquals: (given, wanted) =>
    given.length > 0 && given.every((value) => wanted.includes(value)),
};

/** All operators with all their keys must be met. */
export const isMet = (condition: Condition, context: RequestContext): boolean =>
  Object.entries(operators).every(([name, holds]) =>
    Object.entries(condition[name as keyof Condition] ?? {}).every(([key, wanted]) =>
      holds(context[key] ?? [], wanted),
    ),
  );
