import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { App } from "aws-cdk-lib/core";
import { DataStack } from "../../../../infra/aws/data-stack.ts";
import { createTables } from "../../../../infra/local/dynamodb/create-tables.ts";
import { readData } from "../../../../infra/local/gateway/template.ts";
import { localStage } from "../../../../infra/local/local-stage.ts";

/** Only the tables are read from it; they are the same in every stage. */
const stage = localStage({
  apiOrigin: "http://127.0.0.1:1",
  product: { origin: "http://127.0.0.1:2", issuer: "http://127.0.0.1:2", audience: "test" },
  microsoft: {
    loginEndpoint: "http://127.0.0.1:3",
    graphEndpoint: "http://127.0.0.1:3",
    clientId: "test",
  },
});

/**
 * Creates the tables on an engine as they are deployed.
 *
 * @returns their names
 */
export const createProductTables = async (
  origin: string,
): Promise<{
  readonly attempts: string;
  readonly connections: string;
  readonly tenantConsents: string;
  readonly refreshTokens: string;
}> => {
  const outdir = await mkdtemp(join(tmpdir(), "product-tables-"));
  try {
    const app = new App({ outdir, analyticsReporting: false });
    const data = new DataStack(app, "Data", stage, {});
    const { template } = app.synth().getStackArtifact(data.artifactId);
    const { tables } = readData({ Data: template });
    await createTables(origin, tables);
    const nameOf = (start: string) => {
      const table = tables.find(({ TableName }) => TableName.startsWith(start));
      if (!table) throw new Error(`There is no table ${start}.`);
      return table.TableName;
    };
    return {
      attempts: nameOf("Attempts"),
      connections: nameOf("UserConnections"),
      tenantConsents: nameOf("TenantConsents"),
      refreshTokens: nameOf("RefreshTokens"),
    };
  } finally {
    await rm(outdir, { recursive: true });
  }
};
