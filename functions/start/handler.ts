import * as z from "zod/mini";
import { attemptLifetimeSeconds } from "../../shared/domain/attempt.ts";
import { connectionsPerOwner } from "../../shared/domain/connection.ts";
import { connectionId } from "../../shared/domain/ids.ts";
import { isFromProduct } from "../../shared/http/allowed-origin.ts";
import { attemptLabel, connectionIdText } from "../../shared/http/api-ids.ts";
import { type EndpointHandler, endpoint } from "../../shared/http/endpoint.ts";
import { jsonBody } from "../../shared/http/json-body.ts";
import { noAdministrator, problem, problemResponse } from "../../shared/http/problem.ts";
import { json } from "../../shared/http/response.ts";
import { type PersonClaimNames, signedInPerson } from "../../shared/http/signed-in-user.ts";
import { logger } from "../../shared/logger.ts";
import { type StartAuthorizationPorts, startAuthorization } from "./start-authorization.ts";

const startBody = z.strictObject({
  returnTo: z.optional(z.string().check(z.maxLength(32))),
  // Long enough for any e-mail address (RFC 5321 §4.5.3.1) and for Microsoft's opaque hints.
  loginHint: z.optional(
    z.string().check(z.minLength(1), z.maxLength(512), z.regex(/^[\x21-\x7e]+$/)),
  ),
  connectionId: z.optional(connectionIdText),
  forOrganization: z._default(z.boolean(), false),
});

export interface StartSettings extends PersonClaimNames {
  readonly ALLOWED_ORIGINS: readonly string[];
  readonly RETURN_PAGES: Readonly<Record<string, URL>>;
}

/** POST /start: the product's page asks where to send the person. */
export const startHandler = (
  settings: StartSettings,
  ports: StartAuthorizationPorts,
): EndpointHandler =>
  endpoint(async (request) => {
    if (!isFromProduct(request, settings.ALLOWED_ORIGINS)) {
      return problem("invalid_request", "This page may not start a sign-in.", "operator");
    }
    const body = jsonBody(request, startBody);
    if (!body) {
      return problem(
        "invalid_request",
        "The body must be a JSON object with nothing but returnTo, loginHint, connectionId and forOrganization, all optional.",
        "operator",
      );
    }
    const [firstPage = ""] = Object.keys(settings.RETURN_PAGES);
    const returnTo = body.returnTo ?? firstPage;
    if (!Object.hasOwn(settings.RETURN_PAGES, returnTo)) {
      return problem("invalid_request", "returnTo names no known return page.", "operator");
    }

    const { user, email } = signedInPerson(request, settings);
    const started = await startAuthorization(
      {
        user,
        email,
        returnTo,
        loginHint: body.loginHint,
        connectionId: body.connectionId === undefined ? undefined : connectionId(body.connectionId),
        forOrganization: body.forOrganization,
      },
      ports,
    );
    if (!started.ok) {
      const { failure } = started;
      logger.warn("sign-in not started", {
        failure: failure.kind,
        workspaceId: user.workspaceId,
      });
      switch (failure.kind) {
        case "connection_unknown":
          return problem("not_found", "This connection does not exist, or is not yours.");
        case "personal_account":
          return noAdministrator();
        case "too_many_attempts":
          return problemResponse({
            code: "too_many_attempts",
            actor: "user",
            message:
              "You have begun several sign-ins within ten minutes. Go on with one that is still open, or wait a few minutes and try again.",
            retryAfterSeconds: attemptLifetimeSeconds,
          });
        case "too_many_connections":
          return problem(
            "too_many_connections",
            `You have connected ${connectionsPerOwner} mailboxes, which is as many as one person can. Please disconnect one that you no longer need, then start again.`,
          );
        default:
          return failure satisfies never;
      }
    }

    const { attemptId, authorizationUrl, expiresAt, adminApproval } = started.value;
    logger.info("sign-in started", {
      attempt: attemptLabel(attemptId),
      workspaceId: user.workspaceId,
      reconnected: body.connectionId !== undefined,
    });
    return json(201, {
      attemptId,
      authorizationUrl: authorizationUrl.href,
      expiresAt: expiresAt.toISOString(),
      ...(adminApproval && { adminApproval: { status: adminApproval } }),
    });
  });
