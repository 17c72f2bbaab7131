import { randomInt } from "node:crypto";
import { invalidParameter, invalidRequest } from "./aws-failure.ts";
import type { GetRandomPasswordRequest } from "./requests.ts";

const pick = (characters: string): string => characters.charAt(randomInt(characters.length));

/** Fisher–Yates */
const shuffle = (characters: string[]): string => {
  for (let last = characters.length - 1; last > 0; last -= 1) {
    const other = randomInt(last + 1);
    const moved = characters[last] ?? "";
    characters[last] = characters[other] ?? "";
    characters[other] = moved;
  }
  return characters.join("");
};

/** Defaults and character classes: API Reference, GetRandomPassword */
export const randomPassword = (request: GetRandomPasswordRequest): string => {
  const { PasswordLength: length = 32, ExcludeCharacters: excluded = "" } = request;
  const types = [
    request.ExcludeLowercase ? "" : "abcdefghijklmnopqrstuvwxyz",
    request.ExcludeUppercase ? "" : "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    request.ExcludeNumbers ? "" : "0123456789",
    request.ExcludePunctuation ? "" : "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
    request.IncludeSpace ? " " : "",
  ]
    .map((type) => [...type].filter((character) => !excluded.includes(character)).join(""))
    .filter((type) => type !== "");
  if (types.length === 0) {
    throw invalidRequest("No characters are left to make a password of.");
  }

  const required = (request.RequireEachIncludedType ?? true) ? types.map(pick) : [];
  if (required.length > length) {
    throw invalidParameter("Password length is too short based on the required types.");
  }
  const all = types.join("");
  const others = Array.from({ length: length - required.length }, () => pick(all));
  return shuffle([...required, ...others]);
};
