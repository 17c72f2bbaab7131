import { expect, it, onTestFinished } from "vitest";
import { startDynamoDb } from "../../infra/local/dynamodb/start-dynamodb.ts";
import { dynamoDbAttempts } from "../../shared/adapters/dynamodb/authorization-attempts.ts";
import { dynamoDbConnections } from "../../shared/adapters/dynamodb/connections.ts";
import { dynamoDbConsentProofs } from "../../shared/adapters/dynamodb/consent-proofs.ts";
import { dynamoDbConsentRequests } from "../../shared/adapters/dynamodb/consent-requests.ts";
import { dynamoDbMailLedger } from "../../shared/adapters/dynamodb/mail-ledger.ts";
import { dynamoDbSignInFrequencies } from "../../shared/adapters/dynamodb/sign-in-frequencies.ts";
import { dynamoDbTenantConsents } from "../../shared/adapters/dynamodb/tenant-consents.ts";
import { dynamoDbTokenVault } from "../../shared/adapters/dynamodb/token-vault.ts";
import { succeed } from "../../shared/domain/result.ts";
import type { HttpResponse } from "../../shared/http/response.ts";
import { administrator, approvalLink, approved, proving } from "../fakes/approval-steps.ts";
import { captureLog } from "../fakes/captured-log.ts";
import { alice, mallory, sampleSealer } from "../fakes/samples.ts";
import {
  broughtBack,
  type ServiceInMemory,
  serviceInMemory,
  settings,
} from "../fakes/service-in-memory.ts";
import { lossyClient } from "../shared/adapters/dynamodb/lossy-client.ts";
import { createProductTables } from "../shared/adapters/dynamodb/product-tables.ts";

captureLog();

const clientId = settings.MICROSOFT_CLIENT_ID;

/** The whole service on an engine of its own. */
const serviceOnTables = async () => {
  const engine = await startDynamoDb();
  const { client, sent } = lossyClient(engine.origin);
  onTestFinished(async () => {
    client.destroy();
    await engine.close();
  });
  const tables = await createProductTables(engine.origin);
  const now = () => service.clock.now();
  const subject = { clientId, scopeSet: "scopes-1" };
  const service: ServiceInMemory = serviceInMemory({
    stores: {
      attempts: dynamoDbAttempts(client, tables.attempts),
      connections: dynamoDbConnections(client, tables.connections, now),
      vault: dynamoDbTokenVault(client, tables.refreshTokens, sampleSealer, now),
      consents: dynamoDbTenantConsents(client, tables.tenantConsents, subject),
      frequencies: dynamoDbSignInFrequencies(client, tables.tenantConsents, clientId),
      requests: dynamoDbConsentRequests(client, tables.tenantConsents, subject),
      ledger: dynamoDbMailLedger(client, tables.tenantConsents),
      proofs: dynamoDbConsentProofs(client, tables.tenantConsents),
    },
    proveIdentity: async () => succeed(administrator),
  });
  return { service, sent };
};

interface Budget {
  readonly what: string;
  readonly commands: number;
  readonly status?: number;
  /** @returns the request, when all is there that it needs */
  readonly prepare: (service: ServiceInMemory) => Promise<() => Promise<HttpResponse>>;
}

const budgets: readonly Budget[] = [
  {
    what: "POST /start",
    commands: 4,
    status: 201,
    prepare: async (service) => () => service.start(alice),
  },
  {
    what: "POST /start for a mailbox that is connected",
    commands: 5,
    status: 201,
    prepare: async (service) => {
      const { id } = JSON.parse((await service.connect(alice)).body);
      return () => service.start(alice, { connectionId: id });
    },
  },
  {
    what: "GET /attempts/{attemptId}",
    commands: 1,
    prepare: async (service) => {
      const { attemptId } = await service.begin(alice);
      return () => service.attempt(alice, attemptId);
    },
  },
  {
    what: "POST /callback",
    commands: 1,
    status: 303,
    prepare: async (service) => {
      const { state } = await service.begin(alice);
      return () => service.callback({ state, code: "the-code" });
    },
  },
  {
    what: "POST /complete",
    commands: 8,
    prepare: async (service) => {
      const { state } = await service.begin(alice);
      const brought = await service.comeBack(state);
      return () => service.complete(alice, brought);
    },
  },
  {
    what: "POST /complete for a mailbox that is connected",
    commands: 9,
    prepare: async (service) => {
      await service.connect(alice);
      const { state } = await service.begin(alice);
      const brought = await service.comeBack(state);
      return () => service.complete(alice, brought);
    },
  },
  {
    what: "POST /complete of somebody turned away",
    commands: 6,
    status: 403,
    prepare: async (service) => {
      const { state } = await service.begin(alice);
      const error = { error: "access_denied", error_description: "AADSTS90094" };
      const brought = broughtBack(await service.callback({ state, ...error }));
      return () => service.complete(alice, brought);
    },
  },
  {
    what: "GET /connections",
    commands: 2,
    prepare: async (service) => {
      await service.connect(alice);
      return () => service.list(alice);
    },
  },
  {
    what: "GET /connections/{connectionId}",
    commands: 2,
    prepare: async (service) => {
      const { id } = JSON.parse((await service.connect(alice)).body);
      return () => service.connection(alice, id);
    },
  },
  {
    what: "DELETE /connections/{connectionId}",
    commands: 3,
    status: 204,
    prepare: async (service) => {
      const { id } = JSON.parse((await service.connect(alice)).body);
      return () => service.disconnect(alice, id);
    },
  },
  {
    what: "POST /admin-consent-requests for a link",
    commands: 7,
    prepare: async (service) => {
      const { attemptId } = await service.begin(alice);
      return () => service.askAdministrator(alice, { attemptId });
    },
  },
  {
    what: "POST /admin-consent-requests with a mail",
    commands: 21,
    prepare: async (service) => {
      const { attemptId } = await service.begin(alice);
      const body = { attemptId, adminEmail: "it@north.example" };
      return () => service.askAdministrator(alice, body);
    },
  },
  {
    what: "POST /admin-consent-requests that joins a mail",
    commands: 11,
    prepare: async (service) => {
      const adminEmail = "it@north.example";
      const { attemptId: colleagues } = await service.begin(mallory);
      await service.askAdministrator(mallory, { attemptId: colleagues, adminEmail });
      const { attemptId } = await service.begin(alice);
      return () => service.askAdministrator(alice, { attemptId, adminEmail });
    },
  },
  {
    what: "GET /admin-consent-requests",
    commands: 2,
    prepare: async (service) => {
      await approvalLink(service);
      return () => service.approval(alice);
    },
  },
  {
    what: "GET /admin-consent/{token}",
    commands: 5,
    prepare: async (service) => {
      const token = await approvalLink(service);
      return () => service.openLink(token);
    },
  },
  {
    what: "GET /admin-consent-callback",
    commands: 6,
    status: 303,
    prepare: async (service) => {
      const link = await approvalLink(service);
      return () => service.approvalAnswered(approved(link));
    },
  },
  {
    what: "POST /admin-consent-callback",
    commands: 5,
    prepare: async (service) => {
      const { state, cookies } = await proving(service, await approvalLink(service));
      return () => service.approvalProved({ state, code: "the-code" }, cookies);
    },
  },
];

/** Each command is a wait of its own within a request, and may be throttled. */
it.for(budgets)(
  "$what takes no more commands than $commands",
  async ({ commands, status = 200, prepare }) => {
    const { service, sent } = await serviceOnTables();
    const request = await prepare(service);
    sent.length = 0;

    const { statusCode } = await request();

    expect(statusCode).toBe(status);
    expect(sent.length, sent.join()).toBeLessThanOrEqual(commands);
  },
);
