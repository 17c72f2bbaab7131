import type { AttemptId, ConnectionId, WorkspaceId } from "./ids.ts";
import type { Secret } from "./secret.ts";

/** Of a sign-in, an approval link or its proof: worth something for minutes, or as long as a link. */
export type SignInBinding =
  | { readonly purpose: "attempt_secrets"; readonly attemptId: AttemptId }
  | { readonly purpose: "parked_answer"; readonly attemptId: AttemptId }
  /** Bound to the person who may see it again. */
  | { readonly purpose: "approval_link"; readonly requester: string }
  /** `{codeVerifier, nonce}` of an administrator's proving sign-in. */
  | { readonly purpose: "proof_secrets"; readonly state: string };

/** Of a connection's tokens. */
export interface TokenBinding {
  readonly purpose: "access_token" | "refresh_token";
  readonly connectionId: ConnectionId;
  readonly workspaceId: WorkspaceId;
}

/**
 * What a sealed value is for. A value sealed for one binding opens under no other, so that text moved
 * between items, attributes or workspaces is refused. Ids only: the binding is not secret.
 */
export type Binding = SignInBinding | TokenBinding;

/**
 * The text is not what it should be: altered, moved to another binding, or sealed under a key that is gone. It will
 * never open; that keys cannot be read just now is another error.
 */
export class SealedTextRefused extends Error {
  override readonly name = "SealedTextRefused";
}

/**
 * Seals values under the newest vault key; opens those sealed under any key the vault still keeps. Sign-ins and tokens
 * have keys of their own, and a sealer is for one of the two.
 */
export interface Sealer<For extends Binding> {
  /** @returns JWE compact serialization, `dir` with `A256GCM`. RFC 7516 §7.1 */
  seal(plaintext: Secret, binding: For): Promise<string>;
  /** @throws {SealedTextRefused} */
  open(sealed: string, binding: For): Promise<Secret>;
}

export type SignInSealer = Sealer<SignInBinding>;
export type TokenSealer = Sealer<TokenBinding>;
