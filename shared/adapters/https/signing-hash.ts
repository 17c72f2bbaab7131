import { createHash, createHmac, createSecretKey, type KeyObject } from "node:crypto";

type SecretData = string | ArrayBuffer | ArrayBufferView;

/** Texts are the secret access key and what is derived from it with a prefix: few, and there for as long as the process. */
const keysOfTexts = new Map<string, KeyObject>();
const keysOfBytes = new WeakMap<Exclude<SecretData, string>, KeyObject>();

const bytesOf = (data: SecretData): Buffer => {
  if (typeof data === "string") return Buffer.from(data, "utf8");
  return ArrayBuffer.isView(data)
    ? Buffer.from(data.buffer, data.byteOffset, data.byteLength)
    : Buffer.from(data);
};

const keyOf = (secret: SecretData): KeyObject => {
  const known = typeof secret === "string" ? keysOfTexts.get(secret) : keysOfBytes.get(secret);
  if (known) return known;
  const key = createSecretKey(bytesOf(secret));
  if (typeof secret === "string") keysOfTexts.set(secret, key);
  else keysOfBytes.set(secret, key);
  return key;
};

/**
 * SHA-256 for the SDK's signer, or HMAC with a secret. The SDK's own class hands secrets over as bytes, and Node.js 24
 * finds out that bytes are no key object by an error that it throws and catches: two of them, with their stacks, took
 * a tenth of what a hit in the table costs the processor. Here each secret becomes a key object once.
 */
export class SigningHash {
  readonly #begin;
  #hash;

  constructor(secret?: SecretData) {
    this.#begin = () =>
      secret === undefined ? createHash("sha256") : createHmac("sha256", keyOf(secret));
    this.#hash = this.#begin();
  }

  update(chunk: Uint8Array): void {
    this.#hash.update(chunk);
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }

  reset(): void {
    this.#hash = this.#begin();
  }
}
