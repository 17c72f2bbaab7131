import * as z from "zod/mini";
import { type ProductUser, userId, workspaceId } from "../domain/ids.ts";
import { type MailAddress, mailAddress } from "../domain/mail-address.ts";
import type { HttpRequest } from "./request.ts";

export interface ClaimNames {
  readonly USER_CLAIM: string;
  readonly WORKSPACE_CLAIM: string;
}

export interface PersonClaimNames extends ClaimNames {
  readonly EMAIL_CLAIM: string;
  readonly EMAIL_VERIFIED_CLAIM?: string | undefined;
  readonly NAME_CLAIM: string;
  readonly WORKSPACE_NAME_CLAIM: string;
}

/** Who is signed in, with how they are reached and called as far as the token says. */
export interface SignedInPerson {
  readonly user: ProductUser;
  readonly email: MailAddress | undefined;
  readonly name: string | undefined;
  readonly workspaceName: string | undefined;
}

const longestClaim = 256;

const claim = z.string().check(z.minLength(1), z.maxLength(longestClaim));

/**
 * The gateway has verified the JWT; here its claims become a user.
 *
 * @throws if the identity provider issues tokens without the claims that the settings name
 */
export const signedInUser = (
  { claims }: HttpRequest,
  { USER_CLAIM, WORKSPACE_CLAIM }: ClaimNames,
): ProductUser => ({
  userId: userId(claim.parse(claims[USER_CLAIM])),
  workspaceId: workspaceId(claim.parse(claims[WORKSPACE_CLAIM])),
});

const textOf = (value: unknown) => (typeof value === "string" ? value : undefined);

/** Where it is longer than any name, it is none. */
const nameOf = (value: unknown) => {
  const name = textOf(value);
  return name !== undefined && name.length <= longestClaim ? name : undefined;
};

/** HTTP APIs hand claims over as text. */
const isTrue = (value: unknown) => value === true || value === "true";

/** @throws as {@link signedInUser}; a person without a usable address or name is one all the same */
export const signedInPerson = (request: HttpRequest, names: PersonClaimNames): SignedInPerson => {
  const { claims } = request;
  const { EMAIL_VERIFIED_CLAIM: verified } = names;
  // One that they have only written down could be anybody's.
  const isTheirs = verified === undefined || isTrue(claims[verified]);
  return {
    user: signedInUser(request, names),
    email: isTheirs ? mailAddress(textOf(claims[names.EMAIL_CLAIM]) ?? "") : undefined,
    name: nameOf(claims[names.NAME_CLAIM]),
    workspaceName: nameOf(claims[names.WORKSPACE_NAME_CLAIM]),
  };
};
