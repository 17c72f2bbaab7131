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

const errorBoundary: middy.MiddlewareObj<HttpEvent, HttpResponse> = {
  onError: (request) => {
    logger.error("request failed", {
      route: request.event.routeKey,
      failure: "internal_error",
      error: errorFields(request.error),
    });
    request.response = internalError();
  },
};

/** What every endpoint shares. A request that throws is logged once, here, and answered with 500. */
export const endpoint = (respond: (request: HttpRequest) => Promise<HttpResponse>) =>
  middy<HttpEvent, HttpResponse>()
    .use(injectLambdaContext(logger.powertools, { resetKeys: true, logEvent: false })) // the body holds the code
    .use(errorBoundary)
    .handler((event) => respond(requestOf(event)));

export type EndpointHandler = ReturnType<typeof endpoint>;
