// One execution environment from start to end: what the Lambda runtime's client loads, the bundle, then invocations.
// Arguments: the bundle, the event as JSON, how many invocations. Prints milliseconds as JSON on its last line.
const startedAt = process.hrtime.bigint();
for (const builtin of ["http", "net", "util", "fs", "path", "assert"]) require(`node:${builtin}`);

const milliseconds = (since) => Number(process.hrtime.bigint() - since) / 1e6;
const [, , bundle, event, count] = process.argv;

const run = async () => {
  const { handler } = require(bundle);
  const loaded = milliseconds(startedAt);
  const each = [];
  for (let index = 0; index < Number(count); index += 1) {
    const begun = process.hrtime.bigint();
    const answer = await handler(JSON.parse(event), {
      awsRequestId: `bench-${index}`,
      getRemainingTimeInMillis: () => 25_000,
    });
    each.push(milliseconds(begun));
    if (answer?.ok !== true) throw new Error(`no token: ${JSON.stringify(answer?.error)}`);
  }
  process.stdout.write(`\n${JSON.stringify({ loaded, each })}\n`, () => process.exit(0));
};

run().catch((error) => {
  console.error(error);
  process.exit(1);
});
