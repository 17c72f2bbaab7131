import { execFile } from "node:child_process";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import * as z from "zod/mini";
import { credentialsOf } from "../../infra/local/iam/function-credentials.ts";
import { signIn } from "../../infra/local/microsoft/walk-sign-in.ts";
import { postCallback, signInToProduct } from "../../infra/local/product-client.ts";
import { type LocalStack, startLocalStack } from "../../infra/local/stack.ts";

/**
 * What a token fetch costs, side by side in one run: a cold execution environment against an empty handler,
 * and fetches from memory. Ratios of medians, because milliseconds move with whatever else the machine does.
 */
const { values } = parseArgs({ options: { quick: { type: "boolean", default: false } } });
const rounds = values.quick ? 5 : 21;
const warmFetches = 2_000;

const measured = z.object({ loaded: z.number(), each: z.array(z.number()) });
const connected = z.object({ id: z.string() });

const median = (numbers: readonly number[]) =>
  numbers.toSorted((left, right) => left - right)[Math.floor(numbers.length / 2)] ?? Number.NaN;

const connectMailbox = async (stack: LocalStack) => {
  const product = await signInToProduct(stack.origins, "user_ines");
  const { authorizationUrl } = await product.start();
  const form = await signIn(authorizationUrl, {
    username: "ben.okafor@larkfield.example",
    consent: "accept",
  });
  if (!("action" in form)) throw new Error("Microsoft kept the person");
  const { returned } = await postCallback(form);
  if (!returned) throw new Error("the callback led nowhere");
  const { id } = connected.parse(await (await product.complete(returned)).json());
  return {
    connectionId: id,
    workspaceId: product.workspaceId,
    run: { workflowId: "bench", runId: "1" },
  };
};

const stack = await startLocalStack();
try {
  const payload = JSON.stringify(await connectMailbox(stack));
  const tokenFetch = stack.functions.find(({ name }) => name === stack.tokenFetchFunctionName);
  if (!tokenFetch) throw new Error("there is no token-fetch");
  const env = {
    ...tokenFetch.environment,
    ...stack.endpoints,
    AWS_REGION: stack.region,
    ...credentialsOf(tokenFetch.name),
    POWERTOOLS_LOG_LEVEL: "SILENT",
  };

  const run = async (bundle: string, invocations: number) => {
    const startedAt = performance.now();
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [join(import.meta.dirname, "one-environment.cjs"), bundle, payload, String(invocations)],
      { env },
    );
    return { wall: performance.now() - startedAt, ...measured.parse(JSON.parse(stdout)) };
  };

  const empty: number[] = [];
  const ours: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    empty.push((await run(join(import.meta.dirname, "empty-handler.cjs"), 2)).wall);
    ours.push((await run(join(tokenFetch.codeFolder, "index.cjs"), 2)).wall);
  }
  const warm = (await run(join(tokenFetch.codeFolder, "index.cjs"), warmFetches)).each.slice(10);

  console.log(`Node ${process.version}, ${rounds} interleaved rounds, medians`);
  console.table([
    {
      what: "cold: empty handler, start to end",
      milliseconds: median(empty).toFixed(1),
      ratio: "1.00",
    },
    {
      what: "cold: token-fetch, load and two fetches",
      milliseconds: median(ours).toFixed(1),
      ratio: (median(ours) / median(empty)).toFixed(2),
    },
    { what: "warm: a fetch from memory", milliseconds: median(warm).toFixed(3), ratio: "" },
  ]);
} finally {
  await stack.close();
}
