import type { AttemptId, ConnectionId, WorkspaceId } from "./ids.ts";
import type { Secret } from "./secret.ts";

/**
 * What a sealed value is for. A value sealed for one binding opens under no other, so that text moved
 * between items, attributes or workspaces is refused. Ids only: the binding is not secret.
 */
export type Binding =
  | { readonly purpose: "attempt_secrets"; readonly attemptId: AttemptId }
  | { readonly purpose: "parked_answer"; readonly attemptId: AttemptId }
  | {
      readonly purpose: "access_token";
      readonly connectionId: ConnectionId;
      readonly workspaceId: WorkspaceId;
    };

/** Seals values under the newest vault key; opens those sealed under any key the vault still keeps. */
export interface Sealer {
  /** @returns JWE compact serialization, `dir` with `A256GCM`. RFC 7516 §7.1 */
  seal(plaintext: Secret, binding: Binding): Promise<string>;
  /** @throws if the text was altered, moved to another binding, or sealed under a key that is gone. */
  open(sealed: string, binding: Binding): Promise<Secret>;
}
