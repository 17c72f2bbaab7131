import type { Context } from "aws-lambda";
import * as z from "zod/mini";
import type { Actor } from "../../shared/domain/actor.ts";
import { connectionId, userId, workspaceId } from "../../shared/domain/ids.ts";
import { connectionIdText, productId } from "../../shared/http/api-ids.ts";
import { errorFields, logger } from "../../shared/logger.ts";
import {
  type EraseConnectionsPorts,
  type ErasedPart,
  erasePerson,
  eraseWorkspace,
} from "./erase-connections.ts";

const erasureRequest = z.union([
  z.strictObject({ workspaceId: productId, userId: productId }),
  // A place in the table is an id there, of whichever workspace. It opens nothing.
  z.strictObject({ workspaceId: productId, startAt: z.optional(connectionIdText) }),
]);

interface ErasureFailure {
  readonly code: "invalid_request" | "temporarily_unavailable";
  readonly actor: Actor;
  readonly retryable: boolean;
  /** For whoever runs the product's back end. */
  readonly message: string;
}

export type EraseConnectionsAnswer =
  | {
      readonly ok: true;
      /** How many connections were ended. */
      readonly erased: number;
      /**
       * How many are still there, because a later version of the service has written them: call again once that one is
       * deployed. Absent if there are none.
       */
      readonly leftOut?: number;
      /**
       * How many are still there, because somebody has changed what is stored of them: an operator is alerted. Call again
       * once they are mended. Absent if there are none.
       */
      readonly unreadable?: number;
      /** For `startAt` of the next call, as it is. Absent when nothing is left to look at. */
      readonly next?: string;
    }
  | {
      readonly ok: false;
      readonly error: ErasureFailure & {
        /** Finds this call in the logs. */
        readonly traceId: string;
      };
    };

const invalidRequest: ErasureFailure = {
  code: "invalid_request",
  actor: "operator",
  retryable: false,
  message:
    "The payload must be {workspaceId, userId} for a person or {workspaceId, startAt?} for a whole workspace, where startAt is next of the answer before, and nothing else. Nothing was erased.",
};

const broken: ErasureFailure = {
  code: "temporarily_unavailable",
  actor: "operator",
  retryable: true,
  message:
    "Something went wrong on our side, and we have been alerted. The same call goes on where this one ended.",
};

const outOfTime: ErasureFailure = {
  code: "temporarily_unavailable",
  actor: "nobody",
  retryable: true,
  message: "There is more to erase than one call can. The same call goes on where this one ended.",
};

/** Invoked synchronously by the product's back end, whose role may do it; answers failures as values. */
export const eraseConnectionsHandler =
  (ports: EraseConnectionsPorts) =>
  async (event: unknown, context: Context): Promise<EraseConnectionsAnswer> => {
    const refuse = (failure: ErasureFailure): EraseConnectionsAnswer => ({
      ok: false,
      error: { ...failure, traceId: context.awsRequestId },
    });
    logger.begin(context);
    const request = erasureRequest.safeParse(event);
    if (!request.success) {
      logger.warn("nothing erased", { failure: invalidRequest.code });
      return refuse(invalidRequest);
    }

    const workspace = workspaceId(request.data.workspaceId);
    const deadline = new Date(ports.now().getTime() + context.getRemainingTimeInMillis());
    const done = ({ erased, leftOut, unreadable, next }: ErasedPart): EraseConnectionsAnswer => {
      logger.info("connections erased", {
        workspaceId: workspace,
        erasure: { erased, leftOut, unreadable, isComplete: next === undefined },
      });
      return {
        ok: true,
        erased,
        ...(leftOut > 0 && { leftOut }),
        ...(unreadable > 0 && { unreadable }),
        ...(next !== undefined && { next }),
      };
    };
    try {
      if ("userId" in request.data) {
        const owner = { workspaceId: workspace, userId: userId(request.data.userId) };
        const erased = await erasePerson({ owner, deadline }, ports);
        if (erased.ok) return done({ ...erased.value, next: undefined });
        logger.warn("not all connections erased", {
          workspaceId: workspace,
          failure: erased.failure.kind,
        });
        return refuse(outOfTime);
      }
      const { startAt } = request.data;
      const place = startAt === undefined ? undefined : connectionId(startAt);
      return done(
        await eraseWorkspace({ workspaceId: workspace, startAt: place, deadline }, ports),
      );
    } catch (error) {
      logger.error("erasure failed", {
        workspaceId: workspace,
        failure: "internal_error",
        error: errorFields(error),
      });
      return refuse(broken);
    }
  };
