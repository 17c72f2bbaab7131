import { AwsFailure, invalidParameter } from "./aws-failure.ts";
import type { ListSecretsRequest } from "./requests.ts";
import type { StoredSecret } from "./stored-secrets.ts";

type Filter = NonNullable<ListSecretsRequest["Filters"]>[number];

const startsWith = (caseSensitive: boolean) => (text: string, prefix: string) =>
  caseSensitive ? text.startsWith(prefix) : text.toLowerCase().startsWith(prefix.toLowerCase());

/** One of the values matches; a value that begins with `!` matches what it does not begin. */
const passes = (texts: readonly string[], { Values }: Filter, caseSensitive: boolean): boolean =>
  Values.some((value) => {
    const negated = value.startsWith("!");
    const prefix = negated ? value.slice(1) : value;
    return texts.some((text) => startsWith(caseSensitive)(text, prefix)) !== negated;
  });

const matches = (secret: StoredSecret, filter: Filter): boolean => {
  switch (filter.Key) {
    case "name":
      return passes([secret.name], filter, true);
    case "description":
      return passes(secret.description === undefined ? [] : [secret.description], filter, false);
    case "tag-key":
      return passes(
        secret.tags.map((tag) => tag.Key),
        filter,
        true,
      );
    case "tag-value":
      return passes(
        secret.tags.map((tag) => tag.Value),
        filter,
        true,
      );
    case "all":
    case "owning-service":
    case "primary-region":
      throw invalidParameter(`The local Secrets Manager does not filter by ${filter.Key}.`);
    default:
      return filter.Key satisfies never;
  }
};

/** Sorts names and instants alike: instants in milliseconds have 13 digits until the year 2286. */
const sortKey = (secret: StoredSecret, sortBy: ListSecretsRequest["SortBy"]): string => {
  switch (sortBy) {
    case "name":
      return secret.name;
    case "last-accessed-date":
      return String(secret.accessedAtMs ?? 0).padStart(13, "0");
    case "last-changed-date":
      return String(secret.changedAtMs).padStart(13, "0");
    case "created-date":
    case undefined:
      return String(secret.createdAtMs).padStart(13, "0");
    default:
      return sortBy satisfies never;
  }
};

export interface Page<Item> {
  readonly items: readonly Item[];
  readonly nextToken: string | undefined;
}

/**
 * A page of items that are sorted by `key`, each key once. The token holds the last key, not a
 * position: what is deleted between two pages shifts nothing.
 */
export const pageOf = <Item>(
  items: readonly Item[],
  key: (item: Item) => string,
  {
    MaxResults = 100,
    NextToken,
  }: { MaxResults?: number | undefined; NextToken?: string | undefined },
  descending = false,
): Page<Item> => {
  const after =
    NextToken === undefined ? undefined : Buffer.from(NextToken, "base64url").toString();
  if (after !== undefined && !after.startsWith("after:")) {
    throw new AwsFailure("InvalidNextTokenException", "The NextToken value is invalid.");
  }
  const last = after?.slice("after:".length);
  const rest = items.filter(
    (item) => last === undefined || (descending ? key(item) < last : key(item) > last),
  );
  const page = rest.slice(0, MaxResults);
  const lastOfPage = page.at(-1);
  return {
    items: page,
    nextToken:
      rest.length > page.length && lastOfPage !== undefined
        ? Buffer.from(`after:${key(lastOfPage)}`).toString("base64url")
        : undefined,
  };
};

/** Those that pass every filter, in order, one page of them. */
export const listSecrets = (
  secrets: readonly StoredSecret[],
  request: ListSecretsRequest,
): Page<StoredSecret> => {
  const key = (secret: StoredSecret) => `${sortKey(secret, request.SortBy)} ${secret.arn}`;
  const direction = request.SortOrder === "desc" ? -1 : 1;
  const listed = secrets
    .filter((secret) => request.IncludePlannedDeletion || !secret.deletion)
    .filter((secret) => (request.Filters ?? []).every((filter) => matches(secret, filter)))
    .sort((one, other) => (key(one) < key(other) ? -direction : direction));
  return pageOf(listed, key, request, direction === -1);
};
