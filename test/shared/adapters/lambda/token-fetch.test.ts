import {
  type InvokeCommand,
  type LambdaClient,
  ServiceException,
  TooManyRequestsException,
} from "@aws-sdk/client-lambda";
import { describe, expect, it } from "vitest";
import { invokeTokenFetch } from "../../../../shared/adapters/lambda/token-fetch.ts";
import { connectionId, workspaceId } from "../../../../shared/domain/ids.ts";

const connection = { id: connectionId("conn_1"), workspaceId: workspaceId("ws_north") };

const asking = (output: Error | { readonly Payload?: string; readonly FunctionError?: string }) => {
  const sent: unknown[] = [];
  const send = async ({ input }: InvokeCommand) => {
    sent.push(input);
    if (output instanceof Error) throw output;
    return { ...output, Payload: new TextEncoder().encode(output.Payload) };
  };
  const client = { send } as Pick<LambdaClient, "send">;
  return { outcome: invokeTokenFetch(client, "token-fetch")(connection, "run-1"), sent };
};

describe("invoking the token service", () => {
  it("asks as a worker would, and looks at no token", async () => {
    const { outcome, sent } = asking({
      Payload: JSON.stringify({ ok: true, degraded: false, accessToken: "planted-token" }),
    });

    expect(await outcome).toEqual({ ok: true, degraded: false });
    expect(sent).toEqual([
      {
        FunctionName: "token-fetch",
        Payload: JSON.stringify({
          connectionId: "conn_1",
          workspaceId: "ws_north",
          run: { workflowId: "keep-alive", runId: "run-1" },
          purpose: "keep_alive",
        }),
      },
    ]);
  });

  it("is told apart from Lambda having no room for it", async () => {
    const error = new TooManyRequestsException({ message: "Rate exceeded", $metadata: {} });

    expect(await asking(error).outcome).toBe("no_room");
  });

  it.for([
    ["Lambda itself breaks", new ServiceException({ message: "Internal error", $metadata: {} })],
    ["the function breaks", { FunctionError: "Unhandled", Payload: "{}" }],
    ["the answer has another form", { Payload: "{}" }],
  ] as const)("throws when %s", async ([, output]) => {
    await expect(asking(output).outcome).rejects.toThrow();
  });
});
