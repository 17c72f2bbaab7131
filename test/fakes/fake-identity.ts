import type {
  CodeRedemption,
  MicrosoftIdentity,
  RefreshRequest,
} from "../../shared/domain/microsoft.ts";
import { succeed } from "../../shared/domain/result.ts";
import { grant, refreshedTokens } from "./samples.ts";

export interface FakeIdentity extends MicrosoftIdentity {
  /** Every code that was sent, in order. */
  readonly redeemed: readonly CodeRedemption[];
  /** Every refresh token that was sent, in order. */
  readonly refreshed: readonly RefreshRequest[];
}

/** Microsoft as a test scripts it; says yes to everything unless told otherwise. */
export const fakeIdentity = ({
  redeemCode = async () => succeed(grant),
  refresh = async () => succeed(refreshedTokens),
}: Partial<MicrosoftIdentity> = {}): FakeIdentity => {
  const redeemed: CodeRedemption[] = [];
  const refreshed: RefreshRequest[] = [];
  return {
    redeemed,
    refreshed,
    redeemCode: (redemption) => {
      redeemed.push(redemption);
      return redeemCode(redemption);
    },
    refresh: (request) => {
      refreshed.push(request);
      return refresh(request);
    },
  };
};
