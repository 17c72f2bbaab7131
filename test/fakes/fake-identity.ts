import type {
  CodeRedemption,
  GrantRedemption,
  MicrosoftIdentity,
  RefreshRequest,
} from "../../shared/domain/microsoft.ts";
import { succeed } from "../../shared/domain/result.ts";
import { grant, refreshedTokens } from "./samples.ts";

export interface FakeIdentity extends MicrosoftIdentity {
  /** Every code that was sent, in order. */
  readonly redeemed: readonly GrantRedemption[];
  /** Every code that was sent to prove who somebody is, in order. */
  readonly proved: readonly CodeRedemption[];
  /** Every refresh token that was sent, in order. */
  readonly refreshed: readonly RefreshRequest[];
}

/** Microsoft as a test scripts it; says yes to everything unless told otherwise. */
export const fakeIdentity = ({
  redeemCode = async () => succeed(grant),
  proveIdentity = async () => succeed(grant),
  refresh = async () => succeed(refreshedTokens),
}: Partial<MicrosoftIdentity> = {}): FakeIdentity => {
  const redeemed: GrantRedemption[] = [];
  const proved: CodeRedemption[] = [];
  const refreshed: RefreshRequest[] = [];
  return {
    redeemed,
    proved,
    refreshed,
    redeemCode: (redemption) => {
      redeemed.push(redemption);
      return redeemCode(redemption);
    },
    proveIdentity: (redemption) => {
      proved.push(redemption);
      return proveIdentity(redemption);
    },
    refresh: (request) => {
      refreshed.push(request);
      return refresh(request);
    },
  };
};
