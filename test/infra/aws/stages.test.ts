import { describe, expect, it } from "vitest";
import { checkedStage, exampleSettings, type Stage, stages } from "../../../infra/aws/stages.ts";

const local: Stage = {
  ...stages.dev,
  name: "local",
  kind: "local",
  publicUrl: "http://127.0.0.1:4000",
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

  it("on this machine may use plain http, but to itself only", () => {
    const away = { ...local.microsoft, graphEndpoint: "http://192.0.2.1:4000" };

    expect(checkedStage(local).publicUrl).toBe("http://127.0.0.1:4000");
    expect(() => checkedStage({ ...local, microsoft: away })).toThrow("microsoft.graphEndpoint");
  });

  it("names origins as browsers send them", () => {
    const product = { ...stages.dev.product, origins: ["https://app.appse.example/"] };

    expect(() => checkedStage({ ...stages.dev, product })).toThrow("product.origins");
  });

  it("tells which settings are still an example's", () => {
    const microsoft = { ...stages.dev.microsoft, clientId: "b4b7f5a5-6f3a-4b1c-9d2e-0a1b2c3d4e5f" };

    expect(exampleSettings(stages.dev)).toContain("microsoft.clientId");
    expect(exampleSettings({ ...stages.dev, microsoft })).toEqual([
      "product.issuer",
      "product.origins",
      "product.returnPages.connections",
    ]);
  });
});
