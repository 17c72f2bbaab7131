/** What must not be found, and what to call it: a report of a leak must not be one itself. */
export interface Needle {
  readonly label: string;
  readonly value: string;
}

const pieceLength = 40;

/** Every stretch of a long value, so that half a token is found as well. */
const piecesOf = (value: string): readonly string[] =>
  Array.from({ length: Math.floor(value.length / pieceLength) }, (_, index) =>
    value.slice(index * pieceLength, (index + 1) * pieceLength),
  );

/** JSON of every header of a kind begins alike, so its pieces would be found where no token is. */
const isTelling = (piece: string) => !/^eyJ(?:0eXAi|hbGciO)/.test(piece);

/** In base64 a value looks different at each of three offsets; the characters at its edges depend on its neighbours. */
const base64Of = (value: string): readonly string[] =>
  [0, 1, 2].flatMap((offset) => {
    const encoded = Buffer.from(`${" ".repeat(offset)}${value}`).toString("base64");
    const inner = encoded.slice(offset === 0 ? 0 : 4, -4);
    return inner.length < 8 ? [] : [inner, inner.replaceAll("+", "-").replaceAll("/", "_")];
  });

const urlDecoded = (text: string): string =>
  text.replace(/(?:%[0-9a-f]{2})+/gi, (escaped) => {
    try {
      return decodeURIComponent(escaped);
    } catch {
      return escaped;
    }
  });

const jsonUnescaped = (text: string): string => text.replace(/\\+(["/])/g, "$1");

/**
 * Looks for secrets in texts: as they are, in base64 and base64url, percent-encoded, escaped in JSON, whole or in
 * pieces of 40 characters.
 *
 * @returns the labels of what was found
 */
export const leaksIn = (
  texts: readonly string[],
  needles: readonly Needle[],
): readonly string[] => {
  const joined = texts.join("\n");
  const once = urlDecoded(joined);
  const haystack = [joined, once, urlDecoded(once), jsonUnescaped(joined)].join("\n");
  return needles
    .filter(({ value }) => {
      if (value === "") throw new Error("an empty needle is in every haystack");
      const forms = [
        value,
        ...piecesOf(value).filter(isTelling),
        ...base64Of(value.slice(0, 60)),
        encodeURIComponent(value),
      ];
      return forms.some((form) => haystack.includes(form));
    })
    .map(({ label }) => label);
};
