import { DynamoDBClient } from "@aws-sdk/client-dynamodb";

export interface LossyClient {
  readonly client: DynamoDBClient;
  /** Loses the answer to the next call of this command: the engine does it, the SDK does not hear and repeats it. */
  loseAnswer(commandName: string): void;
  /** Loses every answer to this command from now on. */
  loseAllAnswers(commandName: string): void;
  /** Lets somebody else be faster than the next call of this command. */
  overtake(commandName: string, action: () => Promise<unknown>): void;
  /** Names of the commands that reached the engine, repetitions included. */
  readonly sent: string[];
}

/** A client of a local engine whose connection breaks when a test says so. */
export const lossyClient = (endpoint: string): LossyClient => {
  const client = new DynamoDBClient({
    endpoint,
    region: "eu-west-1",
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
    maxAttempts: 3,
  });
  const once: string[] = [];
  const always = new Set<string>();
  const sent: string[] = [];
  const overtaking = new Map<string, () => Promise<unknown>>();

  client.middlewareStack.add(
    (next, context) => async (request) => {
      const name = String(context.commandName);
      const action = overtaking.get(name);
      overtaking.delete(name);
      await action?.();
      sent.push(name);
      const planned = once.indexOf(name);
      if (planned >= 0) once.splice(planned, 1);
      const isLost = planned >= 0 || always.has(name);
      if (!isLost) return next(request);
      await next(request).catch(() => undefined); // an answer that refuses is lost as well
      throw Object.assign(new Error("socket hang up"), {
        code: "ECONNRESET",
        name: "TimeoutError",
      });
    },
    // Inside the SDK's retries, which are in the step before.
    { step: "deserialize", name: "losesAnswers", priority: "high" },
  );

  return {
    client,
    sent,
    loseAnswer: (name) => once.push(name),
    loseAllAnswers: (name) => always.add(name),
    overtake: (name, action) => overtaking.set(name, action),
  };
};
