import type { Context } from "aws-lambda";
import * as z from "zod/mini";
import { connectionId, workspaceId } from "../../shared/domain/ids.ts";
import { connectionIdText } from "../../shared/http/api-ids.ts";
import { errorFields, type LogFields, logger } from "../../shared/logger.ts";
import { defaultMinTtlSeconds, type FetchTokenPorts, fetchToken } from "./fetch-token.ts";
import { brokenHere, type TokenFailure } from "./token-failure.ts";

/** Microsoft's access tokens live at least an hour by default; ten minutes are left for the refresh. */
const largestMinTtlSeconds = 3_000;

/** An id as the product forms it: short, and nothing that could be a token. */
const runId = z.string().check(z.regex(/^[\w.:-]{1,64}$/));

const tokenRequest = z.strictObject({
  connectionId: connectionIdText,
  workspaceId: z.string().check(z.minLength(1), z.maxLength(256)),
  minTtlSeconds: z._default(
    z.int().check(z.gte(0), z.lte(largestMinTtlSeconds)),
    defaultMinTtlSeconds,
  ),
  run: z.strictObject({ workflowId: runId, runId }),
  /** Workers leave it out: a connection that is only kept alive counts as unused. */
  purpose: z._default(z.enum(["use", "keep_alive"]), "use"),
});

export type TokenFetchAnswer =
  | {
      readonly ok: true;
      readonly accessToken: string;
      readonly tokenType: "Bearer";
      /** ISO 8601. */
      readonly expiresAt: string;
      readonly scopes: readonly string[];
      readonly graphBaseUrl: string;
      readonly degraded: boolean;
    }
  | {
      readonly ok: false;
      readonly error: Omit<TokenFailure, "cause"> & {
        /** Finds this fetch in the logs. */
        readonly traceId: string;
      };
    };

const invalidRequest: TokenFailure = {
  code: "invalid_request",
  actor: "operator",
  retryable: false,
  message: `The payload must be {connectionId, workspaceId, minTtlSeconds?, run: {workflowId, runId}, purpose?}, with minTtlSeconds between 0 and ${largestMinTtlSeconds}, and nothing else.`,
};

const failureFields = ({ code, actor, retryable, cause }: TokenFailure): LogFields => ({
  failure: cause?.kind ?? code,
  actor,
  retryable,
  ...(cause?.evidence && { microsoft: cause.evidence }),
});

/** Invoked synchronously by a worker whose role may do it; answers failures as values. */
export const tokenFetchHandler =
  (graphEndpoint: URL, ports: FetchTokenPorts) =>
  async (event: unknown, context: Context): Promise<TokenFetchAnswer> => {
    const refuse = ({ cause, ...failure }: TokenFailure): TokenFetchAnswer => ({
      ok: false,
      error: { ...failure, traceId: context.awsRequestId },
    });
    logger.begin(context);
    const request = tokenRequest.safeParse(event);
    if (!request.success) {
      logger.warn("token not served", { failure: invalidRequest.code });
      return refuse(invalidRequest);
    }

    const { run, minTtlSeconds, purpose, ...wanted } = request.data;
    const who = {
      connectionId: wanted.connectionId,
      workspaceId: wanted.workspaceId,
      ...run,
      purpose,
    };
    try {
      const fetched = await fetchToken(
        {
          connectionId: connectionId(wanted.connectionId),
          workspaceId: workspaceId(wanted.workspaceId),
          minTtlSeconds,
          purpose,
          deadline: new Date(ports.now().getTime() + context.getRemainingTimeInMillis()),
        },
        ports,
      );
      if (!fetched.ok) {
        logger.warn("token not served", { ...who, ...failureFields(fetched.failure) });
        return refuse(fetched.failure);
      }

      const { accessToken, expiresAt, scopes, degraded, notRenewed, source } = fetched.value;
      if (notRenewed) logger.warn("token not renewed", { ...who, ...failureFields(notRenewed) });
      logger.info("token served", { ...who, source, degraded });
      return {
        ok: true,
        accessToken: accessToken.reveal(),
        tokenType: "Bearer",
        expiresAt: expiresAt.toISOString(),
        scopes,
        graphBaseUrl: `${graphEndpoint.href.replace(/\/$/, "")}/v1.0`,
        degraded,
      };
    } catch (error) {
      logger.error("token not served", {
        ...who,
        ...failureFields(brokenHere),
        failure: "internal_error",
        error: errorFields(error),
      });
      return refuse(brokenHere);
    }
  };
