import { rm } from "node:fs/promises";
import { createServer } from "node:http";
import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { parseArgs } from "node:util";
import { listen, stopListening } from "./gateway/listen.ts";
import {
  type AppCredentialChoice,
  type LocalPorts,
  type MicrosoftChoice,
  startLocalStack,
} from "./stack.ts";

const help = `Runs Outlook Connect on this machine, with stand-ins for AWS, Microsoft and the product.

  --folder <path>          keep tables, secrets and what Microsoft granted there; .local by default
  --fresh                  empty that folder first
  --speed <n>              let n seconds pass per second
  --app-credential <kind>  how the app proves itself to the simulator: secret (the default), certificate or federated
  --microsoft real         use the real Microsoft instead of the simulator
  --client-id <id>         and this app registration; its secret is read from OUTLOOK_CLIENT_SECRET or asked for
`;

/** Always the same, so that bookmarks and redirect URIs keep working. */
const defaultPorts = {
  webApp: 4300,
  api: 4301,
  microsoft: 4302,
  mail: 4303,
  lambda: 4304,
  dynamoDb: 4305,
  secretsManager: 4306,
  sts: 4307,
} satisfies LocalPorts;

const appCredentials: readonly AppCredentialChoice[] = ["secret", "certificate", "federated"];

const readOptions = () => {
  const { values } = parseArgs({
    options: {
      "app-credential": { type: "string", default: "secret" },
      "client-id": { type: "string" },
      folder: { type: "string", default: ".local" },
      fresh: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
      microsoft: { type: "string", default: "simulator" },
      speed: { type: "string", default: "1" },
    },
  });
  const speed = Number(values.speed);
  if (!(speed > 0)) throw new Error("--speed must be a positive number.");
  if (values.microsoft !== "simulator" && values.microsoft !== "real") {
    throw new Error("--microsoft must be simulator or real.");
  }
  if (values.microsoft === "real" && values["client-id"] === undefined) {
    throw new Error("The real Microsoft needs --client-id, the id of your app registration.");
  }
  if (values.microsoft === "real" && speed !== 1) {
    throw new Error("Time at the real Microsoft passes as it does: --speed needs the simulator.");
  }
  const appCredential = appCredentials.find((each) => each === values["app-credential"]);
  if (!appCredential) {
    throw new Error(`--app-credential must be one of ${appCredentials.join(", ")}.`);
  }
  if (values.microsoft === "real" && appCredential !== "secret") {
    throw new Error("The real Microsoft is shown a secret: --app-credential needs the simulator.");
  }
  return { ...values, speed, appCredential };
};

/** Asks without showing what is typed. */
const askHidden = async (question: string): Promise<string> => {
  process.stdout.write(question);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({ input: process.stdin, output: silent, terminal: true });
  try {
    return await terminal.question("");
  } finally {
    terminal.close();
    process.stdout.write("\n");
  }
};

const chooseMicrosoft = async (clientId: string | undefined): Promise<MicrosoftChoice> => {
  if (clientId === undefined) return { kind: "simulator" };
  const clientSecret =
    process.env.OUTLOOK_CLIENT_SECRET ?? (await askHidden("Client secret (not shown): "));
  if (clientSecret === "") throw new Error("A client secret is needed.");
  return { kind: "real", clientId, clientSecret };
};

const isFree = async (port: number): Promise<boolean> => {
  const server = createServer();
  try {
    await listen(server, port);
  } catch {
    return false;
  }
  await stopListening(server);
  return true;
};

const choosePorts = async (microsoft: MicrosoftChoice): Promise<LocalPorts> => {
  const chosen: Record<string, number> = {};
  for (const [name, port] of Object.entries(defaultPorts)) {
    const free = await isFree(port);
    if (!free && name === "api" && microsoft.kind === "real") {
      throw new Error(`Port ${port} is taken, and the redirect URIs at Microsoft name it.`);
    }
    if (!free) console.log(`Port ${port} is taken; another one stands in for it.`);
    chosen[name] = free ? port : 0;
  }
  return chosen;
};

const redirectUrisOf = (api: string): string => `
  Redirect URIs to register at Microsoft (platform Web):
    ${api}/callback
    ${api}/admin-consent-callback
`;

const run = async () => {
  const options = readOptions();
  if (options.help) return console.log(help);
  const microsoft = await chooseMicrosoft(
    options.microsoft === "real" ? options["client-id"] : undefined,
  );
  if (options.fresh) await rm(options.folder, { recursive: true, force: true });

  console.log("Building and starting …");
  const stack = await startLocalStack({
    ports: await choosePorts(microsoft),
    microsoft,
    appCredential: options.appCredential,
    speed: options.speed,
    folder: options.folder,
    onLog: ({ functionName, line }) => console.log(`${functionName} ${line}`),
  });

  const { origins } = stack;
  console.log(`
  Product (start here)   ${origins.webApp}
  Microsoft              ${origins.microsoft ? `${origins.microsoft}/_control` : "the real one"}
  Mails                  ${origins.mail}

  API                    ${origins.api}
  Lambda                 ${origins.lambda}
  DynamoDB               ${origins.dynamoDb}
  Secrets Manager        ${origins.secretsManager}
${microsoft.kind === "real" ? redirectUrisOf(origins.api) : ""}
  Ctrl-C stops everything.
`);

  const stop = async () => {
    // A second Ctrl-C does not wait.
    process.once("SIGINT", () => process.exit(130));
    await stack.close();
    process.exit(0);
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, stop);
};

run().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});
