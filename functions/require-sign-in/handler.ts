import type { Context } from "aws-lambda";
import * as z from "zod/mini";
import type { Actor } from "../../shared/domain/actor.ts";
import { connectionId, tenantId, workspaceId } from "../../shared/domain/ids.ts";
import { connectionIdText, productId } from "../../shared/http/api-ids.ts";
import { errorFields, logger } from "../../shared/logger.ts";
import { type RequireSignInsPorts, requireSignIns } from "./require-sign-ins.ts";

const requireSignInRequest = z
  .strictObject({
    connectedBefore: z.iso.datetime(),
    workspaceId: z.optional(productId),
    tenantId: z.optional(z.guid()),
    everybody: z._default(z.boolean(), false),
    dryRun: z._default(z.boolean(), false),
    // A place in the table is an id there, whosesoever. It opens nothing.
    startAt: z.optional(connectionIdText),
  })
  .check(
    // To leave a name out must not end everybody.
    z.refine(
      ({ workspaceId, tenantId, everybody }) =>
        everybody === (workspaceId === undefined && tenantId === undefined),
    ),
  );

interface RequireSignInFailure {
  readonly code: "invalid_request" | "temporarily_unavailable";
  readonly actor: Actor;
  readonly retryable: boolean;
  readonly message: string;
}

export type RequireSignInAnswer =
  | {
      readonly ok: true;
      /** How many connections were ended, or would be by a call that is no dry run. */
      readonly required: number;
      readonly dryRun?: true;
      /** How many are still served, because a later version of the service has written them. Absent if there are none. */
      readonly leftOut?: number;
      /**
       * How many were left as they are, because somebody has changed what is stored of them: an operator is alerted. Absent
       * if there are none.
       */
      readonly unreadable?: number;
      /** For `startAt` of the next call, as it is. Absent when nothing is left to look at. */
      readonly next?: string;
    }
  | {
      readonly ok: false;
      readonly error: RequireSignInFailure & {
        /** Finds this call in the logs. */
        readonly traceId: string;
      };
    };

const invalidRequest: RequireSignInFailure = {
  code: "invalid_request",
  actor: "operator",
  retryable: false,
  message:
    "The payload must be {connectedBefore, workspaceId?, tenantId?, everybody?, dryRun?, startAt?}, where workspaceId or tenantId or else everybody: true says whose, connectedBefore is a time in UTC such as 2026-11-30T09:00:00Z that has passed, tenantId a GUID, startAt next of the answer before, and nothing else. Nothing was done.",
};

const broken: RequireSignInFailure = {
  code: "temporarily_unavailable",
  actor: "operator",
  retryable: true,
  message: "Something went wrong on our side. The same call goes on where this one ended.",
};

/** Invoked synchronously by an operator; answers failures as values. */
export const requireSignInHandler =
  (ports: RequireSignInsPorts) =>
  async (event: unknown, context: Context): Promise<RequireSignInAnswer> => {
    const refuse = (failure: RequireSignInFailure): RequireSignInAnswer => ({
      ok: false,
      error: { ...failure, traceId: context.awsRequestId },
    });
    logger.begin(context);
    const request = requireSignInRequest.safeParse(event);
    const connectedBefore = new Date(request.data?.connectedBefore ?? Number.NaN);
    // Of a time to come, each call would end what was connected since the one before.
    if (!request.success || !(connectedBefore <= ports.now())) {
      logger.warn("no sign-in required", { failure: invalidRequest.code });
      return refuse(invalidRequest);
    }

    const { data } = request;
    const whose = {
      ...(data.workspaceId !== undefined && { workspaceId: workspaceId(data.workspaceId) }),
      ...(data.tenantId !== undefined && { tenantId: tenantId(data.tenantId) }),
    };
    try {
      const { required, leftOut, unreadable, next } = await requireSignIns(
        {
          whose,
          connectedBefore,
          isDryRun: data.dryRun,
          startAt: data.startAt === undefined ? undefined : connectionId(data.startAt),
          deadline: new Date(ports.now().getTime() + context.getRemainingTimeInMillis()),
        },
        ports,
      );
      logger.info("sign-ins required", {
        ...whose,
        requiredSignIns: {
          required,
          leftOut,
          unreadable,
          isComplete: next === undefined,
          isDryRun: data.dryRun,
          connectedBefore: connectedBefore.toISOString(),
        },
      });
      return {
        ok: true,
        required,
        ...(data.dryRun && { dryRun: true }),
        ...(leftOut > 0 && { leftOut }),
        ...(unreadable > 0 && { unreadable }),
        ...(next !== undefined && { next }),
      };
    } catch (error) {
      logger.error("requiring sign-ins failed", {
        ...whose,
        failure: "internal_error",
        error: errorFields(error),
      });
      return refuse(broken);
    }
  };
