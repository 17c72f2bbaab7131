import { expect } from "vitest";
import { Secret } from "../shared/domain/secret.ts";

// A secret keeps its value in a private field, which `toEqual` does not see.
expect.addEqualityTesters([
  (left: unknown, right: unknown) => {
    if (!(left instanceof Secret) || !(right instanceof Secret)) return undefined;
    return left.reveal() === right.reveal();
  },
]);
