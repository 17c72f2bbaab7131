import type { ApprovalFunctions } from "./approvals.ts";
import type { ConnectionFunctions } from "./connections.ts";
import type { CredentialFunctions } from "./credentials.ts";
import type { SignInFunctions } from "./sign-in.ts";
import type { TokenFunctions } from "./tokens.ts";

/** All functions of the service stack, each named as its folder under `functions/`. */
export type ServiceFunctions = SignInFunctions &
  ConnectionFunctions &
  TokenFunctions &
  ApprovalFunctions &
  CredentialFunctions;
