import { setTimeout as wait } from "node:timers/promises";
import { type Trace, tokenError } from "./aadsts.ts";
import type { EndpointName, Fault } from "./faults.ts";
import { graphError } from "./graph.ts";
import { type HttpResponse, json } from "./http-exchange.ts";

/** How an answer leaves: whole, in drops, or not at all. */
export type Delivery =
  | { readonly kind: "whole"; readonly response: HttpResponse }
  | { readonly kind: "dripped"; readonly response: HttpResponse; readonly milliseconds: number }
  | { readonly kind: "dropped" };

const retryHeader = (retryAfter: string | number | undefined): Record<string, string> =>
  retryAfter === undefined ? {} : { "retry-after": String(retryAfter) };

/** An outage in the endpoint's own shape. */
const outage = (
  endpoint: EndpointName,
  status: 429 | 503,
  trace: Trace,
  headers: Record<string, string>,
): HttpResponse => {
  if (endpoint === "graph") {
    const code = status === 429 ? "TooManyRequests" : "ServiceNotAvailable";
    return graphError(status, code, "The server is busy. Please try again.", trace.at, headers);
  }
  const refused = {
    error: "temporarily_unavailable",
    codes: [status === 429 ? 90055 : 90033],
    text: "A transient error has occurred. Please try again.",
  };
  const answer = tokenError(refused, trace, status);
  return { ...answer, headers: { ...answer.headers, ...headers } };
};

const largeJson = (megabytes: number) =>
  `{"access_token":"${"A".repeat(megabytes * 1024 * 1024)}","token_type":"Bearer"}`;

/** @param answer the true answer; asked for only where the fault lets the request take effect */
export const applyFault = async (
  fault: Fault,
  endpoint: EndpointName,
  trace: Trace,
  answer: () => Promise<HttpResponse>,
): Promise<Delivery> => {
  const whole = (response: HttpResponse): Delivery => ({ kind: "whole", response });
  switch (fault.kind) {
    case "throttled":
      return whole(outage(endpoint, 429, trace, retryHeader(fault.retryAfter)));
    case "unavailable":
      return whole(outage(endpoint, 503, trace, retryHeader(fault.retryAfter)));
    case "bad_gateway":
      return whole({
        status: 502,
        headers: { "content-type": "text/html" },
        body: "<html><body><h2>Our services aren't available right now</h2></body></html>",
      });
    case "dropped":
      if (fault.afterProcessing) await answer();
      return { kind: "dropped" };
    case "delayed":
      await wait(fault.milliseconds, undefined, { ref: false });
      return whole(await answer());
    case "dripped":
      return { kind: "dripped", response: await answer(), milliseconds: fault.milliseconds };
    case "huge":
      return whole({
        status: 200,
        headers: { "content-type": "application/json" },
        body: largeJson(fault.megabytes ?? 10),
      });
    case "redirected":
      return whole({
        status: fault.status ?? 302,
        headers: { location: fault.location },
        body: "",
      });
    case "garbled":
      return whole({
        status: 200,
        headers: { "content-type": "application/json" },
        body: '{"access_token": "eyJ0',
      });
    case "empty_object":
      return whole(json(fault.status ?? 200, {}));
    case "answer":
      return whole({ status: fault.status, headers: fault.headers ?? {}, body: fault.body });
    case "refused": {
      const { error, codes, suberror, claims, text = "A simulated refusal.", status } = fault;
      return whole(tokenError({ error, codes, suberror, claims, text }, trace, status));
    }
    case "graph_refused":
      return whole(
        graphError(fault.status, fault.code, fault.message ?? "A simulated refusal.", trace.at),
      );
    default:
      return fault satisfies never;
  }
};
