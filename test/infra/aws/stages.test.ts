import { spawnSync } from "node:child_process";
import { readdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { Aws } from "aws-cdk-lib/core";
import { describe, expect, it } from "vitest";
import { roleName } from "../../../infra/aws/constructs/request-function.ts";
import {
  checkedStage,
  exampleSettings,
  refuseExamples,
  type Stage,
  stages,
} from "../../../infra/aws/stages.ts";

const local: Stage = {
  ...stages.dev,
  name: "local",
  kind: "local",
  publicUrl: "http://127.0.0.1:4000",
};

const filledIn: Stage = {
  ...stages.prod,
  product: {
    ...stages.prod.product,
    issuer: "https://id.appse.ai",
    origins: ["https://app.appse.ai"],
    returnPages: { connections: "https://app.appse.ai/settings/connections" },
    supportEmail: "support@appse.ai",
  },
  mail: { fromName: "Appse AI", fromAddress: "approvals@mail.appse.ai", identity: "mail.appse.ai" },
  microsoft: { ...stages.prod.microsoft, clientId: "b4b7f5a5-6f3a-4b1c-9d2e-0a1b2c3d4e5f" },
  alarmEmail: "operations@appse.ai",
};

const unfilled: Stage = {
  ...filledIn,
  product: {
    ...filledIn.product,
    issuer: "https://id.appse.example",
    origins: ["https://app.appse.example"],
    returnPages: { connections: "https://app.appse.example/settings/connections" },
    supportEmail: "support@appse.example",
  },
  mail: {
    fromName: "Appse AI",
    fromAddress: "approvals@mail.appse.example",
    identity: "mail.appse.example",
  },
  microsoft: { ...filledIn.microsoft, clientId: "00000000-0000-0000-0000-000000000000" },
  alarmEmail: "operations@appse.example",
};

describe("a stage", () => {
  it.each(Object.values<Stage>(stages))("of the table is right: $name", (stage) => {
    expect(checkedStage(stage)).toEqual(stage);
  });

  it.each([
    [
      "microsoft.loginEndpoint",
      { microsoft: { ...stages.dev.microsoft, loginEndpoint: "http://127.0.0.1:4001" } },
    ],
    [
      "microsoft.graphEndpoint",
      { microsoft: { ...stages.dev.microsoft, graphEndpoint: "http://graph.microsoft.com" } },
    ],
    ["product.issuer", { product: { ...stages.dev.product, issuer: "http://id.appse.example" } }],
    [
      "product.origins",
      { product: { ...stages.dev.product, origins: ["http://app.appse.example"] } },
    ],
    [
      "product.returnPages.connections",
      {
        product: {
          ...stages.dev.product,
          returnPages: { connections: "http://app.appse.example/" },
        },
      },
    ],
    ["publicUrl", { publicUrl: "http://127.0.0.1:4000" }],
  ])("that is deployed refuses plain http, and names the setting: %s", (setting, change) => {
    expect(() => checkedStage({ ...stages.dev, ...change })).toThrow(
      `Stage dev: ${setting} must be https.`,
    );
  });

  it.each([90, 0, 1.5, 10_000])(
    "refuses to end connections that were not used for %d days",
    (days) => {
      expect(() => checkedStage({ ...stages.dev, idleConnectionsEndAfterDays: days })).toThrow(
        "idleConnectionsEndAfterDays",
      );
    },
  );

  it("may end connections that were not used for 91 days", () => {
    const stage = { ...stages.dev, idleConnectionsEndAfterDays: 91 };

    expect(checkedStage(stage)).toEqual(stage);
  });

  it("on this machine may use plain http, but to itself only", () => {
    const away = { ...local.microsoft, graphEndpoint: "http://192.0.2.1:4000" };

    expect(checkedStage(local).publicUrl).toBe("http://127.0.0.1:4000");
    expect(() => checkedStage({ ...local, microsoft: away })).toThrow("microsoft.graphEndpoint");
  });

  it("names origins as browsers send them", () => {
    const product = { ...stages.dev.product, origins: ["https://app.appse.example/"] };

    expect(() => checkedStage({ ...stages.dev, product })).toThrow("product.origins");
  });

  it("lets nobody who floods the callback lock others out, nor use up the writes of a table", () => {
    for (const { throttling, tableCeiling } of Object.values<Stage>(stages)) {
      expect(throttling.callback.rate).toBeGreaterThanOrEqual(throttling.all.rate);
      expect(throttling.callback.rate).toBeLessThan(tableCeiling.writes);
    }
  });

  it.each(["workerRoles", "backEndRoles"] as const)(
    "names %s of other accounts by the ARNs of the roles",
    (setting) => {
      const withRoles = (...roles: string[]): Stage => ({ ...stages.prod, [setting]: roles });

      const role = "arn:aws:iam::210987654321:role/workflows/worker";
      expect(checkedStage(withRoles(role))[setting]).toEqual([role]);
      for (const wrong of [
        "*",
        "210987654321",
        "arn:aws:iam::210987654321:root",
        "arn:aws:iam::210987654321:user/anna",
        "arn:aws:iam::210987654321:role/*",
        "arn:aws:sts::210987654321:assumed-role/worker/session",
      ]) {
        expect(() => checkedStage(withRoles(wrong)), wrong).toThrow("a role's ARN");
      }
    },
  );

  it("has a name with which every role's fits into IAM's 64 characters, in the Region with the longest name", async () => {
    const longest = { ...stages.prod, name: "production" };
    expect(checkedStage(longest).name).toBe("production");
    expect(() => checkedStage({ ...longest, name: "productions" })).toThrow("name");

    const functions = await readdir(new URL("../../../functions", import.meta.url));
    for (const name of functions) {
      const role = roleName(longest, name).replace(Aws.REGION, "ap-southeast-1");
      expect(role.length, role).toBeLessThanOrEqual(64);
    }
  });

  it("tells which settings are still an example's", () => {
    const { product, microsoft } = filledIn;

    expect(exampleSettings(unfilled)).toEqual([
      "product.issuer",
      "product.origins",
      "product.returnPages.connections",
      "alarmEmail",
      "product.supportEmail",
      "mail.fromAddress",
      "mail.identity",
      "microsoft.clientId",
    ]);
    expect(exampleSettings(filledIn)).toEqual([]);
    const changes: readonly (readonly [setting: string, change: Partial<Stage>])[] = [
      ["product.issuer", { product: { ...product, issuer: "https://example.com/" } }],
      ["product.audience", { product: { ...product, audience: "https://api.example.org" } }],
      ["product.origins", { product: { ...product, origins: ["https://app.example.net"] } }],
      ["microsoft.clientId", { microsoft: { ...microsoft, clientId: "0000-0000" } }],
      ["publicUrl", { publicUrl: "https://outlook.example.com" }],
      ["customDomain.name", { customDomain: { name: "outlook.example.com", certificateArn: "-" } }],
    ];
    for (const [setting, change] of changes) {
      expect(exampleSettings({ ...filledIn, ...change })).toEqual([setting]);
    }
  });

  it("is not deployed with an example's settings, which are named", () => {
    expect(() => refuseExamples(unfilled)).toThrow(
      /^Stage prod cannot be deployed .* product.issuer, .*microsoft.clientId\.$/,
    );
    expect(() => refuseExamples(filledIn)).not.toThrow();
    expect(() => refuseExamples({ ...unfilled, kind: "local" })).not.toThrow();
  });

  const notFilledIn = Object.values<Stage>(stages).filter(
    (stage) => exampleSettings(stage).length > 0,
  );

  it.each(notFilledIn)("is held back from every command of the CDK: $name", ({ name: stage }) => {
    const app = fileURLToPath(new URL("../../../infra/aws/app.ts", import.meta.url));
    const context = { stage, "allow-examples": true, allowExamples: true };

    const { status, stderr } = spawnSync(process.execPath, [app], {
      env: { ...process.env, CDK_CONTEXT_JSON: JSON.stringify(context) },
      encoding: "utf8",
    });

    expect(status).toBe(1);
    expect(stderr).toContain(`Stage ${stage} cannot be deployed`);
  });
});
