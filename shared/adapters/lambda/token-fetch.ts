import { InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";
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
export type TokenFetchOutcome = z.output<typeof answer>;

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

/**
 * Has the token service refresh a connection, as a worker would.
 *
 * @throws if it cannot be invoked, or breaks
 */
export const invokeTokenFetch =
  (client: LambdaClient, functionName: string) =>
  async (
    { id, workspaceId }: Pick<QueuedConnection, "id" | "workspaceId">,
    runId: string,
  ): Promise<TokenFetchOutcome> => {
    const { FunctionError, Payload } = await client.send(
      new InvokeCommand({
        FunctionName: functionName,
        Payload: JSON.stringify({
          connectionId: id,
          workspaceId,
          run: { workflowId: "keep-alive", runId },
        }),
      }),
    );
    if (FunctionError !== undefined || !Payload) throw new Error("token-fetch broke");
    return answer.parse(JSON.parse(new TextDecoder().decode(Payload)));
  };
