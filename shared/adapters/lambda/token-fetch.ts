import { InvokeCommand, type InvokeCommandOutput, LambdaClient } from "@aws-sdk/client-lambda";
import * as z from "zod/mini";
import type { QueuedConnection } from "../../domain/keep-alive.ts";

/** What of an answer of token-fetch is looked at: the token is not. */
const answer = z.discriminatedUnion("ok", [
  z.object({ ok: z.literal(true), degraded: z.boolean() }),
  z.object({
    ok: z.literal(false),
    error: z.object({ code: z.string(), actor: z.string() }),
  }),
]);
export type TokenFetchOutcome =
  | z.output<typeof answer>
  /** Lambda runs as many functions as it may, so nothing was asked. */
  | "no_room";

/** One client per execution environment. Whoever is not answered is asked again in the next run, not now. */
export const openLambda = (): LambdaClient =>
  new LambdaClient({
    maxAttempts: 1,
    requestHandler: {
      connectionTimeout: 1_000,
      // Longer than token-fetch may run.
      requestTimeout: 28_000,
      throwOnRequestTimeout: true,
    },
  });

/** By its name, for each copy of the SDK has a class of its own. */
const isNoRoom = (error: unknown) =>
  error instanceof Error && error.name === "TooManyRequestsException";

/**
 * Has the token service refresh a connection, as a worker would, but not for use.
 *
 * @throws if it cannot be invoked, or breaks
 */
export const invokeTokenFetch =
  (client: Pick<LambdaClient, "send">, functionName: string) =>
  async (
    { id, workspaceId }: Pick<QueuedConnection, "id" | "workspaceId">,
    runId: string,
  ): Promise<TokenFetchOutcome> => {
    let output: InvokeCommandOutput;
    try {
      output = await client.send(
        new InvokeCommand({
          FunctionName: functionName,
          Payload: JSON.stringify({
            connectionId: id,
            workspaceId,
            run: { workflowId: "keep-alive", runId },
            purpose: "keep_alive",
          }),
        }),
      );
    } catch (error) {
      if (isNoRoom(error)) return "no_room";
      throw error;
    }
    const { FunctionError, Payload } = output;
    if (FunctionError !== undefined || !Payload) throw new Error("token-fetch broke");
    return answer.parse(JSON.parse(new TextDecoder().decode(Payload)));
  };
