import { createDecipheriv, type KeyObject } from "node:crypto";
import * as z from "zod/mini";
import { hashOf } from "../../domain/ids.ts";
import { type Binding, SealedTextRefused, type Sealer } from "../../domain/sealer.ts";
import { Secret } from "../../domain/secret.ts";

export interface VaultKey {
  readonly id: string;
  /** 256 bits. */
  readonly key: KeyObject;
}

export interface VaultKeys {
  /** The key to seal with. */
  current(): Promise<VaultKey>;
  /** A key to open with; `undefined` if there is no such key (any more). */
  byId(id: string): Promise<VaultKey | undefined>;
}

/**
 * The protected header is authenticated with the text (RFC 7516 §5.1), so a binding in it cannot be
 * changed. It is hashed to be short, not to be secret.
 */
export const bindingOf = (binding: Binding): string =>
  hashOf(
    "binding",
    JSON.stringify(Object.entries(binding).toSorted(([left], [right]) => (left < right ? -1 : 1))),
  );

/** Whatever else a header says, such as `crit` or `zip`, was not sealed here. */
const sealedHeader = z.strictObject({
  alg: z.literal("dir"),
  enc: z.literal("A256GCM"),
  kid: z.string(),
  bnd: z.string(),
});

const tagBytes = 16;
const ivBytes = 12;

/** The bytes of a part. Each value has one form (RFC 7515 §2), so that an altered text is never the same text. */
const bytesOf = (part: string): Buffer => {
  const bytes = Buffer.from(part, "base64url");
  if (bytes.toString("base64url") !== part) throw new SealedTextRefused("altered");
  return bytes;
};

const headerOf = (part: string) => {
  try {
    return sealedHeader.safeParse(JSON.parse(bytesOf(part).toString("utf8")));
  } catch {
    throw new SealedTextRefused("not sealed here");
  }
};

/**
 * Opens JWE in compact serialization, the one form in which values are sealed here: `dir` with `A256GCM`. By Node.js
 * itself, since the libraries of JOSE decrypt on another thread, which takes a hit of the token service longer than
 * everything else of it but the table.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7516#section-5.2
 * @see https://www.rfc-editor.org/rfc/rfc7518#section-5.3
 */
export const jweOpener = <For extends Binding>(keys: VaultKeys): Pick<Sealer<For>, "open"> => ({
  async open(sealed, binding) {
    const [header = "", encryptedKey, iv = "", text = "", tag = "", ...rest] = sealed.split(".");
    const read = headerOf(header);
    if (!read.success || encryptedKey !== "" || rest.length > 0) {
      throw new SealedTextRefused("not sealed here");
    }
    const { kid, bnd } = read.data;
    if (bnd !== bindingOf(binding)) throw new SealedTextRefused("sealed for something else");
    const vaultKey = await keys.byId(kid);
    if (!vaultKey) throw new SealedTextRefused("sealed under a key that is gone");
    const [ivOfText, tagOfText] = [bytesOf(iv), bytesOf(tag)];
    if (ivOfText.length !== ivBytes || tagOfText.length !== tagBytes) {
      throw new SealedTextRefused("altered");
    }
    const decipher = createDecipheriv("aes-256-gcm", vaultKey.key, ivOfText, {
      authTagLength: tagBytes,
    });
    decipher.setAAD(Buffer.from(header, "ascii")).setAuthTag(tagOfText);
    const opened = decipher.update(bytesOf(text));
    try {
      return new Secret(Buffer.concat([opened, decipher.final()]).toString("utf8"));
    } catch {
      throw new SealedTextRefused("altered");
    }
  },
});
