/** Markup that is safe to send: only {@link html} makes it. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Interpolated = string | number | Html | readonly Html[] | undefined | false;

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

const escaped = (text: string) =>
  text.replace(/[&<>"']/g, (character) => entities[character] ?? "");

const render = (value: Interpolated): string => {
  if (value === undefined || value === false) return "";
  if (value instanceof Html) return value.text;
  if (typeof value === "object") return value.map((part) => part.text).join("");
  return escaped(String(value));
};

/** Escapes whatever is put in, unless it is markup made here. Attribute values must be quoted. */
export const html = (strings: TemplateStringsArray, ...values: readonly Interpolated[]): Html =>
  new Html(strings.map((text, index) => text + render(values[index])).join(""));
