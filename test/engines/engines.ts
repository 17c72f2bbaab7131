import { startDynamoDb } from "../../infra/local/dynamodb/start-dynamodb.ts";
import { dynoxideInstalled, startDynoxide } from "./dynoxide.ts";

export type StartEngine = () => Promise<{ readonly origin: string; close(): Promise<void> }>;

/**
 * The DynamoDB engines on this machine, for suites that must hold on each:
 * `describe.for(Object.entries(engines))`. An engine that is not installed is not in it;
 * `engines.test.ts` reports it as skipped.
 */
export const engines: Readonly<Record<string, StartEngine>> = {
  dynalite: () => startDynamoDb(),
  ...(dynoxideInstalled() ? { dynoxide: startDynoxide } : {}),
};
