import { createHmac, randomBytes } from "node:crypto";
import { injectLambdaContext } from "@aws-lambda-powertools/logger/middleware";
import middy from "@middy/core";
import { errorFields, type LogFields, logger } from "../logger.ts";
import { problem } from "./problem.ts";
import { type HttpEvent, type HttpRequest, requestOf } from "./request.ts";
import type { HttpResponse } from "./response.ts";

const internalError = (): HttpResponse =>
  problem(
    "internal_error",
    "Something went wrong on our side. Please try again; we have been alerted.",
    "operator",
  );

/** Of this execution environment alone, and gone with it: nobody finds an address by trying all there are. */
const callerKey = randomBytes(32);

/** Enough to tell callers apart. */
const callerLength = 12;

/** All lines of a request say which others came from the same address, as far as this environment has met them. */
const nameCaller: middy.MiddlewareObj<HttpEvent, HttpResponse> = {
  before: ({ event }) => {
    const { sourceIp } = event.requestContext.http;
    const name = createHmac("sha256", callerKey).update(sourceIp).digest("hex");
    logger.powertools.appendKeys({ caller: name.slice(0, callerLength) } satisfies LogFields);
  },
};

const errorBoundary = (
  answer: () => HttpResponse,
): middy.MiddlewareObj<HttpEvent, HttpResponse> => ({
  onError: (request) => {
    logger.error("request failed", {
      route: request.event.routeKey,
      failure: "internal_error",
      error: errorFields(request.error),
    });
    request.response = answer();
  },
});

/** Kept of an invocation so that its answer arrives before Lambda ends it. */
export const answerMilliseconds = 1_000;

/**
 * What every endpoint shares. A request that throws is logged once, here, and so is one that takes too long.
 *
 * @param broken answers it; a problem with status 500 unless a person's browser shows the answer as a page
 */
export const endpoint = (
  respond: (request: HttpRequest) => Promise<HttpResponse>,
  broken: () => HttpResponse = internalError,
) =>
  middy<HttpEvent, HttpResponse>({ timeoutEarlyInMillis: answerMilliseconds })
    .use(injectLambdaContext(logger.powertools, { resetKeys: true, logEvent: false })) // the body holds the code
    .use(nameCaller)
    .use(errorBoundary(broken))
    .handler((event, context) =>
      respond(requestOf(event, context.getRemainingTimeInMillis() - answerMilliseconds)),
    );

export type EndpointHandler = ReturnType<typeof endpoint>;
