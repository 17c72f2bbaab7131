import * as z from "zod/mini";
import { Secret } from "../../domain/secret.ts";
import type { ReadSecret } from "./read-secret.ts";
import { parseSecretJson } from "./secret-json.ts";

/** A rotated secret is taken up this long after it was stored. */
const keptMilliseconds = 5 * 60 * 1000;

const payload = z.object({
  clientSecrets: z.array(z.string().check(z.minLength(1))).check(z.maxLength(5)),
});

export interface ClientCredential {
  /**
   * The app's secrets at Microsoft, in the order in which to try them: new, then old.
   *
   * @param fresh asks Secrets Manager again; for a secret that Microsoft just refused
   */
  secrets(options?: { readonly fresh: boolean }): Promise<readonly Secret[]>;
}

/** The secret holds `{"clientSecrets": ["new", "old"]}`; both work while one replaces the other. */
export const secretsManagerClientCredential = (
  readSecret: ReadSecret,
  secretArn: string,
  now: () => Date,
): ClientCredential => {
  let kept: { readonly secrets: readonly Secret[]; readonly readAt: number } | undefined;
  return {
    async secrets(options) {
      const isOld = !kept || now().getTime() - kept.readAt > keptMilliseconds;
      if (isOld || options?.fresh) {
        const { value } = await readSecret(secretArn);
        const { clientSecrets } = payload.parse(parseSecretJson(value));
        kept = {
          secrets: clientSecrets.map((secret) => new Secret(secret)),
          readAt: now().getTime(),
        };
      }
      return kept?.secrets ?? [];
    },
  };
};
