import { type Html, html } from "../pages/html.ts";

/** Names may be written from right to left, which must not turn around what stands beside them. */
interface Name {
  readonly name: string;
}

/** A sentence for both parts of a mail. */
export type Words = readonly (string | Name)[];

/** Without Unicode's isolates: a mail program that does not know them may show them. */
export const asText = (words: Words): string =>
  words.map((word) => (typeof word === "string" ? word : word.name)).join("");

export const asHtml = (words: Words): Html =>
  html`${words.map((word) => (typeof word === "string" ? html`${word}` : html`<bdi>${word.name}</bdi>`))}`;
