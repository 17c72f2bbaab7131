import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import dynalite from "dynalite";
import { listen } from "../../../infra/local/gateway/listen.ts";
import { startSecretsManager } from "../../../infra/local/secrets-manager/start-secrets-manager.ts";
import {
  type EngineName,
  type EngineOrder,
  type EngineOrigins,
  tokenEndpointMilliseconds,
} from "./messages.ts";
import { tokenEndpoint } from "./token-endpoint.ts";

/**
 * The engines in a process of their own, which counts every request where it arrives and lets it wait for as long
 * as it is told. Without a proxy: a hop more would cost what is measured.
 */
const counts = new Map<string, number>();
let latency = 0;
let microsoftTakes = tokenEndpointMilliseconds;

const operationOf = (target: string | string[] | undefined) =>
  (typeof target === "string" && target.split(".")[1]) || "token";

const counted =
  (listener: RequestListener): RequestListener =>
  (request, response) => {
    const operation = operationOf(request.headers["x-amz-target"]);
    counts.set(operation, (counts.get(operation) ?? 0) + 1);
    if (latency > 0) setTimeout(() => listener(request, response), latency);
    else listener(request, response);
  };

/** AWS and Microsoft speak TLS, and a cold start pays for the handshake. */
const certificate = (() => {
  const folder = mkdtempSync(join(tmpdir(), "bench-tls-"));
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  try {
    execFileSync(
      "openssl",
      [
        ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
        ...["-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=bench"],
        ...["-addext", "subjectAltName=IP:127.0.0.1"],
      ],
      { stdio: "ignore" },
    );
  } catch {
    return undefined;
  }
  return { key: readFileSync(key), cert: readFileSync(cert), file: cert };
})();

const tlsOrigins: Partial<Record<EngineName, string>> = {};

/** A server that counts, and a second one with TLS that leads to the same engine. */
const serve = async (name: EngineName, listener: RequestListener): Promise<Server> => {
  const behind = counted(listener);
  if (certificate) {
    const origin = await listen(createTlsServer(certificate, behind));
    tlsOrigins[name] = origin.replace("http:", "https:");
  }
  return createServer(behind);
};

const dynamoDb = dynalite({ createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 });
const [dynamoDbListener] = dynamoDb.listeners("request");
const listeners: { secretsManager?: RequestListener } = {};
const secretsManager = await startSecretsManager({
  createServer: (listener) => {
    listeners.secretsManager = listener;
    return createServer(counted(listener));
  },
});
if (certificate && listeners.secretsManager) {
  const origin = await listen(createTlsServer(certificate, counted(listeners.secretsManager)));
  tlsOrigins.secretsManager = origin.replace("http:", "https:");
}

const http = {
  dynamoDb: await listen(
    await serve("dynamoDb", (request, response) => {
      Reflect.apply(dynamoDbListener ?? (() => {}), dynamoDb, [request, response]);
    }),
  ),
  secretsManager: secretsManager.origin,
  microsoft: await listen(
    await serve(
      "microsoft",
      tokenEndpoint(() => microsoftTakes),
    ),
  ),
};
const { dynamoDb: d, secretsManager: s, microsoft: m } = tlsOrigins;
const origins: EngineOrigins = {
  http,
  ...(certificate &&
    d &&
    s &&
    m && {
      https: { dynamoDb: d, secretsManager: s, microsoft: m },
      authority: certificate.file,
    }),
};

process.on("message", (message: EngineOrder) => {
  if (message.order === "forget") counts.clear();
  if (message.order === "latency") latency = message.milliseconds;
  if (message.order === "microsoft") microsoftTakes = message.milliseconds;
  process.send?.(Object.fromEntries(counts));
});
process.on("disconnect", () => process.exit(0));
process.send?.(origins);
