import { AwsFailure } from "./aws-failure.ts";

type Fault =
  | { readonly kind: "refuse"; readonly failure: AwsFailure }
  | { readonly kind: "lose_answer" };

/** What goes wrong on purpose. Each planned fault strikes one call; several strike in the order planned. */
export class Faults {
  readonly #planned = new Map<string, Fault[]>();

  /**
   * Answers the next calls with an error and does nothing.
   *
   * @param operation for example `PutSecretValue`
   * @param failure.code for example `ThrottlingException`, `InternalServiceError`, `AccessDeniedException`
   * @param failure.status 400 by default
   */
  refuse(
    operation: string,
    failure: { readonly code: string; readonly message?: string; readonly status?: number },
    times = 1,
  ): void {
    const { code, message = "A planned fault.", status } = failure;
    this.#plan(
      operation,
      { kind: "refuse", failure: new AwsFailure(code, message, status) },
      times,
    );
  }

  /** Does what the next calls ask, then closes the connection without an answer. */
  loseAnswer(operation: string, times = 1): void {
    this.#plan(operation, { kind: "lose_answer" }, times);
  }

  clear(): void {
    this.#planned.clear();
  }

  /** The fault for this call, which is spent by it. */
  next(operation: string): Fault | undefined {
    return this.#planned.get(operation)?.shift();
  }

  #plan(operation: string, fault: Fault, times: number): void {
    const planned = this.#planned.get(operation) ?? [];
    this.#planned.set(operation, [...planned, ...Array.from({ length: times }, () => fault)]);
  }
}
