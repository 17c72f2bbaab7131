import * as z from "zod/mini";
import { attemptId } from "../../shared/domain/ids.ts";
import { failureCodeOf, idTokenFailureCodeOf } from "../../shared/domain/microsoft.ts";
import { Secret } from "../../shared/domain/secret.ts";
import { isFromProduct } from "../../shared/http/allowed-origin.ts";
import { attemptIdText, attemptLabel, oneTimeValue } from "../../shared/http/api-ids.ts";
import { connectionView } from "../../shared/http/connection-view.ts";
import { type EndpointHandler, endpoint } from "../../shared/http/endpoint.ts";
import { jsonBody } from "../../shared/http/json-body.ts";
import { problem, problemResponse } from "../../shared/http/problem.ts";
import { json } from "../../shared/http/response.ts";
import { type PersonClaimNames, signedInPerson } from "../../shared/http/signed-in-user.ts";
import { type LogFields, logger } from "../../shared/logger.ts";
import {
  type CompleteAuthorizationPorts,
  completeAuthorization,
  type NotConnected,
  type NoteConnected,
  type NotTaken,
} from "./complete-authorization.ts";
import { problemOf } from "./problem-of.ts";

const completeBody = z.strictObject({ attemptId: attemptIdText, completion: oneTimeValue });

export interface CompleteSettings extends PersonClaimNames {
  readonly ALLOWED_ORIGINS: readonly string[];
}

const fieldsOf = (failure: NotTaken | NotConnected): LogFields => {
  switch (failure.kind) {
    case "refused": {
      const { evidence, byRedirect } = failure.refusal;
      return {
        failure: failureCodeOf(failure.refusal),
        microsoft: evidence,
        ...(byRedirect && { byRedirect }),
      };
    }
    case "session_mismatch":
      // An alarm counts the first one: whoever reloads the page is no second one.
      return { failure: failure.isFirst ? failure.kind : "session_mismatch_repeated" };
    case "failed_before":
      // Counted when it happened: whoever repeats the request rings no alarm.
      return { failure: failure.kind, endedAs: failure.problem.code };
    case "id_token_rejected":
      return { failure: idTokenFailureCodeOf(failure), check: failure.check };
    case "grant_incomplete":
      return { failure: failure.kind, missing: [failure.missing] };
    case "permissions_missing":
      return { failure: failure.kind, missing: failure.missing };
    default:
      return { failure: failure.kind };
  }
};

/** POST /complete: the product's own page brings the person back, signed in. */
export const completeHandler = (
  settings: CompleteSettings,
  ports: Omit<CompleteAuthorizationPorts, "noteConnected">,
): EndpointHandler => {
  const noteConnected: NoteConnected = ({ connection, attempt, isReconnect }) => {
    const { id, user, createdAt } = attempt;
    logger.info("mailbox connected", {
      attempt: attemptLabel(id),
      workspaceId: user.workspaceId,
      connectionId: connection.id,
      tenantId: connection.account.tenantId,
      reconnected: isReconnect,
      sinceStartedSeconds: Math.round((ports.now().getTime() - createdAt.getTime()) / 1000),
    });
  };
  return endpoint(async (request) => {
    if (!isFromProduct(request, settings.ALLOWED_ORIGINS)) {
      return problem("invalid_request", "This page may not complete a sign-in.", "operator");
    }
    const body = jsonBody(request, completeBody);
    if (!body) {
      return problem(
        "invalid_request",
        "The body must be a JSON object with attemptId and completion, as they came in the fragment of the return page.",
        "operator",
      );
    }

    const { user, email } = signedInPerson(request, settings);
    const id = attemptId(body.attemptId);
    const completed = await completeAuthorization(
      {
        attemptId: id,
        completion: new Secret(body.completion),
        user,
        email,
        deadline: new Date(ports.now().getTime() + request.millisecondsLeft),
      },
      { ...ports, noteConnected },
    );
    const who = { attempt: attemptLabel(id), workspaceId: user.workspaceId };
    if (!completed.ok) {
      const { failure } = completed;
      const told = problemOf(failure);
      logger.warn("mailbox not connected", { ...who, actor: told.actor, ...fieldsOf(failure) });
      return problemResponse(told);
    }

    const { connection, isNew } = completed.value;
    if (!isNew) {
      logger.info("mailbox was connected before", { ...who, connectionId: connection.id });
    }
    return json(200, connectionView(connection));
  });
};
