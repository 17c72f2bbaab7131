import { hash } from "node:crypto";

/** A customer organisation inside Appse AI. */
export type WorkspaceId = string & { readonly brand: "WorkspaceId" };
/** A person in a workspace, as the product's identity provider names them. */
export type UserId = string & { readonly brand: "UserId" };
/** A Microsoft Entra tenant (`tid`), a lower-case GUID. */
export type TenantId = string & { readonly brand: "TenantId" };
/** A Microsoft account within its tenant (`oid`), a lower-case GUID. */
export type ObjectId = string & { readonly brand: "ObjectId" };
/** One account connected by one user of one workspace; survives reconnects. */
export type ConnectionId = string & { readonly brand: "ConnectionId" };
/** One run of the authorization flow. */
export type AttemptId = string & { readonly brand: "AttemptId" };

export const workspaceId = (value: string) => value as WorkspaceId;
export const userId = (value: string) => value as UserId;
export const tenantId = (value: string) => value.toLowerCase() as TenantId;
export const objectId = (value: string) => value.toLowerCase() as ObjectId;
export const connectionId = (value: string) => value as ConnectionId;
export const attemptId = (value: string) => value as AttemptId;

/** The tenant of every personal Microsoft account. microsoft-identity: id-token-claims-reference, `tid`. */
export const personalAccountsTenant = tenantId("9188040d-6c67-4c5b-b112-36a304b66dad");

/** Who is signed in to the product. */
export interface ProductUser {
  readonly userId: UserId;
  readonly workspaceId: WorkspaceId;
}

/** A Microsoft account is its tenant and object id, never its e-mail address, which can change owners. */
export interface AccountKey {
  readonly tenantId: TenantId;
  readonly objectId: ObjectId;
}

const digest = (...parts: readonly string[]) => hash("sha256", JSON.stringify(parts), "buffer");

/**
 * The attempt is named by the hash of its `state`: what Microsoft sends back finds the attempt by its
 * primary key, and nothing stored lets anybody make a callback.
 */
export const attemptIdOf = (state: string): AttemptId =>
  attemptId(`att_${digest("attempt", state).toString("base64url")}`);

/**
 * Named by what it is, so that two browser tabs that connect the same account meet in one item and the
 * table's conditional write decides, without an index or a transaction.
 */
export const connectionIdOf = (owner: ProductUser, account: AccountKey): ConnectionId =>
  connectionId(
    `conn_${digest(
      "connection",
      owner.workspaceId,
      owner.userId,
      account.tenantId,
      account.objectId,
    )
      .subarray(0, 16)
      .toString("base64url")}`,
  );

/** The same person in another workspace is somebody else. */
export const isSameUser = (left: ProductUser, right: ProductUser): boolean =>
  left.userId === right.userId && left.workspaceId === right.workspaceId;

/** Finds what a person owns, and can stay on a tombstone because it does not name the person. */
export const ownerKeyOf = (owner: ProductUser): string =>
  digest("owner", owner.workspaceId, owner.userId).toString("base64url");

/** What is stored of a one-time value: its hash. */
export const hashOf = (purpose: string, value: string): string =>
  digest(purpose, value).toString("base64url");
