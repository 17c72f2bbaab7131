import * as z from "zod/mini";
import { people } from "./web-app/people.ts";

/**
 * The product's front end without a browser: one signed-in person, the product's session, and the API as
 * `connect-outlook.js` calls it. For the demo that runs by itself, and for tests.
 */
export interface ProductClient {
  /** The person's id in the product. */
  readonly personId: string;
  readonly workspaceId: string;
  /** @param headers replace the usual ones, to try what a stranger would send */
  call(
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Response>;
  start(request?: StartRequest): Promise<z.infer<typeof startedAttempt>>;
  /** What the return page does with what came in its fragment. */
  complete(returned: Returned): Promise<Response>;
}

export interface StartRequest {
  readonly returnTo?: string;
  readonly loginHint?: string;
  readonly connectionId?: string;
  readonly forOrganization?: boolean;
}

/** What came back in the fragment of the return page. */
export interface Returned {
  readonly attemptId: string;
  readonly completion: string | undefined;
}

const startedAttempt = z.object({
  attemptId: z.string(),
  authorizationUrl: z.url(),
  expiresAt: z.iso.datetime(),
});
const token = z.object({ token: z.string() });

/** Signs a person of the demo in to the product. */
export const signInToProduct = async (
  { webApp, api }: { readonly webApp: string; readonly api: string },
  personId: string,
): Promise<ProductClient> => {
  const person = people.find(({ id }) => id === personId);
  if (!person) throw new Error("there is no such person in the demo");
  const session = await fetch(`${webApp}/session`, {
    method: "POST",
    headers: { "content-type": "application/json", origin: webApp },
    body: JSON.stringify({ personId }),
  });
  const cookie = session.headers.getSetCookie()[0]?.split(";")[0] ?? "";

  const call: ProductClient["call"] = async (method, path, body, headers) => {
    const issued = await fetch(`${webApp}/session/token`, {
      method: "POST",
      headers: { cookie, origin: webApp, "content-type": "application/json" },
      body: "{}",
    });
    const jwt = token.parse(await issued.json()).token;
    return fetch(`${api}${path}`, {
      method,
      headers: headers ?? {
        authorization: `Bearer ${jwt}`,
        origin: webApp,
        ...(body !== undefined && { "content-type": "application/json" }),
      },
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
      redirect: "manual",
    });
  };

  return {
    personId,
    workspaceId: person.workspace.id,
    call,
    start: async (request = {}) => {
      const answer = await call("POST", "/start", request);
      return startedAttempt.parse(await answer.json());
    },
    complete: (returned) => call("POST", "/complete", returned),
  };
};

/** Brings Microsoft's form to the callback, as the person's browser does, and reads where it leads. */
export const postCallback = async ({
  action,
  fields,
}: {
  readonly action: URL;
  readonly fields: URLSearchParams;
}): Promise<{ readonly response: Response; readonly returned: Returned | undefined }> => {
  const response = await fetch(action, { method: "POST", body: fields, redirect: "manual" });
  const location = response.headers.get("location");
  if (location === null) return { response, returned: undefined };
  const values = new URLSearchParams(new URL(location).hash.slice(1));
  const attemptId = values.get("attemptId") ?? "";
  return { response, returned: { attemptId, completion: values.get("completion") ?? undefined } };
};
