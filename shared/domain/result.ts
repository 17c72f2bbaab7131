/** An expected outcome is a value; an outage or a bug is thrown. */
export type Result<Value, Failure> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly failure: Failure };

export const succeed = <Value>(value: Value) => ({ ok: true, value }) as const;
export const fail = <const Failure>(failure: Failure) => ({ ok: false, failure }) as const;
