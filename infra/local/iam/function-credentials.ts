/** What a role's credentials are on AWS. No engine here checks a signature; the key id only says who calls. */
export interface FunctionCredentials {
  readonly AWS_ACCESS_KEY_ID: string;
  readonly AWS_SECRET_ACCESS_KEY: string;
  readonly AWS_SESSION_TOKEN: string;
}

export const credentialsOf = (functionName: string): FunctionCredentials => ({
  AWS_ACCESS_KEY_ID: functionName,
  AWS_SECRET_ACCESS_KEY: "local",
  AWS_SESSION_TOKEN: "local",
});

/**
 * The function whose credentials signed a request, as it claims.
 *
 * @param authorization of Signature Version 4: `AWS4-HMAC-SHA256 Credential=<key id>/<date>/…`
 * @returns `undefined` if nobody signed it
 */
export const signerOf = (authorization: string | undefined): string | undefined =>
  /^AWS4-HMAC-SHA256 .*?\bCredential=([^/,\s]+)\//.exec(authorization ?? "")?.[1];
