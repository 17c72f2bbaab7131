import {
  fetchToken,
  type TokenFunction,
  type TokenRequest,
} from "../../../shared/worker/fetch-token.ts";
import { type Mail, type ReadMailFailure, readNewestMail } from "./read-newest-mail.ts";

/** How a run ended, as the product's page shows it. No token in it. */
export type WorkflowRun =
  | {
      readonly status: "succeeded";
      readonly mails: readonly Mail[];
      readonly token: { readonly expiresAt: string; readonly degraded: boolean };
    }
  | { readonly status: "failed"; readonly failure: ReadMailFailure };

/** Runs the one workflow of the demo, as a worker would: get a token, use it, forget it. */
export const runWorkflow = async (
  request: TokenRequest,
  tokens: TokenFunction,
): Promise<WorkflowRun> => {
  try {
    // A person is waiting, who can click again.
    const answer = await fetchToken(request, tokens, { patienceSeconds: 0 });
    if (!answer.ok) {
      const { traceId: _, ...failure } = answer.error;
      return { status: "failed", failure };
    }

    const read = await readNewestMail(answer);
    if (!read.ok) return { status: "failed", failure: read.error };

    const { expiresAt, degraded } = answer;
    return {
      status: "succeeded",
      mails: read.mails,
      token: { expiresAt: expiresAt.toISOString(), degraded },
    };
  } catch (error) {
    // A worker that has a queue lets this go up and is started again; here a person is waiting.
    // The name only: the message of a parser may quote what it could not parse.
    console.error("web app: a workflow step broke", error instanceof Error ? error.name : error);
    return {
      status: "failed",
      failure: {
        code: "step_broke",
        actor: "operator",
        retryable: true,
        message: "The step could not be carried out. We are told about it; try again in a moment.",
      },
    };
  }
};
