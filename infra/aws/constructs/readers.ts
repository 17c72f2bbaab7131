import type { Stage } from "../stages.ts";
import { type RequestFunction, roleArn } from "./request-function.ts";

/**
 * The functions that may read something, by their folders under `functions/`. Everybody else is refused by name, so
 * what holds the secret has to know them before they exist.
 */
export class Readers {
  readonly roleArns: readonly string[];
  readonly #names: readonly string[];

  constructor(stage: Stage, names: readonly string[]) {
    this.#names = names;
    this.roleArns = names.map((name) => roleArn(stage, name));
  }

  /** @throws if it is none of them: what it is granted would be refused again */
  require({ name }: RequestFunction, what: string): void {
    if (!this.#names.includes(name)) {
      throw new Error(`${name} is not among the readers of ${what}: ${this.#names.join(", ")}.`);
    }
  }
}
