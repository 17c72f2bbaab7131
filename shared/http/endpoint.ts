import { injectLambdaContext } from "@aws-lambda-powertools/logger/middleware";
import middy from "@middy/core";
import { errorFields, logger } from "../logger.ts";
import { problem } from "./problem.ts";
import { type HttpEvent, type HttpRequest, requestOf } from "./request.ts";
import type { HttpResponse } from "./response.ts";

const internalError = (): HttpResponse =>
  problem(
    "internal_error",
    "Something went wrong on our side. Please try again; we have been alerted.",
    "operator",
  );

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
    .use(errorBoundary(broken))
    .handler((event, context) =>
      respond(requestOf(event, context.getRemainingTimeInMillis() - answerMilliseconds)),
    );

export type EndpointHandler = ReturnType<typeof endpoint>;
