import * as z from "zod/mini";
import { type ProductUser, userId, workspaceId } from "../domain/ids.ts";
import type { HttpRequest } from "./request.ts";

export interface ClaimNames {
  readonly USER_CLAIM: string;
  readonly WORKSPACE_CLAIM: string;
}

const claim = z.string().check(z.minLength(1), z.maxLength(256));

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
