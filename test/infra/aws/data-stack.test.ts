import { beforeAll, describe, expect, it } from "vitest";
import { stages } from "../../../infra/aws/stages.ts";
import { type SynthesizedStage, synthesized } from "./synthesized.ts";

describe("what is kept", () => {
  let prod: SynthesizedStage;
  beforeAll(async () => {
    prod = await synthesized(stages.prod);
  });

  it("has these names in the template, since another name is another, empty resource", () => {
    const kept = Object.fromEntries(
      Object.entries(prod.data.Resources)
        .filter(([, { Type }]) => Type !== "AWS::KMS::Alias")
        .map(([id, { Type }]) => [id, Type]),
    );

    expect(kept).toEqual({
      DataKey: "AWS::KMS::Key",
      Attempts: "AWS::DynamoDB::Table",
      UserConnections: "AWS::DynamoDB::Table",
      TenantConsents: "AWS::DynamoDB::Table",
      RefreshTokens: "AWS::DynamoDB::Table",
      SignInKeys: "AWS::SecretsManager::Secret",
      SignInKeysReaders: "AWS::SecretsManager::ResourcePolicy",
      TokenKeys: "AWS::SecretsManager::Secret",
      TokenKeysReaders: "AWS::SecretsManager::ResourcePolicy",
      ClientCredential: "AWS::SecretsManager::Secret",
      ClientCredentialReaders: "AWS::SecretsManager::ResourcePolicy",
    });
  });

  it.each([
    "DataKey",
    "Attempts",
    "UserConnections",
    "TenantConsents",
    "RefreshTokens",
    "SignInKeys",
    "SignInKeysReaders",
    "TokenKeys",
    "TokenKeysReaders",
    "ClientCredential",
    "ClientCredentialReaders",
  ])("outlives its stack and its replacement: %s", (id) => {
    expect(prod.data.Resources[id]).toMatchObject({
      DeletionPolicy: "Retain",
      UpdateReplacePolicy: "Retain",
    });
  });

  it.each(["Attempts", "UserConnections", "RefreshTokens"])(
    "is encrypted under our key, restorable, undeletable and bounded in cost: %s",
    (id) => {
      const { Properties } = prod.resource("AWS::DynamoDB::Table", id);

      expect(Properties).toMatchObject({
        KeySchema: [{ AttributeName: "id", KeyType: "HASH" }],
        TimeToLiveSpecification: { AttributeName: "deleteAt", Enabled: true },
        BillingMode: "PAY_PER_REQUEST",
        OnDemandThroughput: { MaxReadRequestUnits: 8000, MaxWriteRequestUnits: 2000 },
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
        DeletionProtectionEnabled: true,
        SSESpecification: {
          SSEEnabled: true,
          SSEType: "KMS",
          KMSMasterKeyId: { "Fn::GetAtt": ["DataKey", "Arn"] },
        },
      });
    },
  );

  it("finds connections by their owner, oldest first, and by when nobody has used them for long", () => {
    const { Properties } = prod.resource("AWS::DynamoDB::Table", "UserConnections");

    expect(Properties.GlobalSecondaryIndexes).toMatchObject([
      {
        IndexName: "byOwner",
        KeySchema: [
          { AttributeName: "ownerKey", KeyType: "HASH" },
          { AttributeName: "createdAt", KeyType: "RANGE" },
        ],
        Projection: { ProjectionType: "ALL" },
      },
      {
        IndexName: "byKeepAlive",
        KeySchema: [
          { AttributeName: "keepAliveShard", KeyType: "HASH" },
          { AttributeName: "keepAliveAt", KeyType: "RANGE" },
        ],
        // No name, address or token.
        Projection: {
          ProjectionType: "INCLUDE",
          NonKeyAttributes: ["workspaceId", "tenantId", "refreshTokenStoredAt"],
        },
      },
    ]);
  });

  it("rotates its key, which takes thirty days to be deleted", () => {
    expect(prod.resource("AWS::KMS::Key", "DataKey").Properties).toMatchObject({
      EnableKeyRotation: true,
      PendingWindowInDays: 30,
    });
  });

  it("has no secret in the template: Secrets Manager makes the keys, an operator brings the credential", () => {
    for (const id of ["SignInKeys", "TokenKeys"]) {
      expect(prod.resource("AWS::SecretsManager::Secret", id).Properties).toMatchObject({
        KmsKeyId: { "Fn::GetAtt": ["DataKey", "Arn"] },
        GenerateSecretString: { PasswordLength: 64, ExcludePunctuation: true },
      });
    }
    expect(
      prod.resource("AWS::SecretsManager::Secret", "ClientCredential").Properties,
    ).toMatchObject({
      KmsKeyId: { "Fn::GetAtt": ["DataKey", "Arn"] },
      SecretString: '{"clientSecrets":[]}',
    });
  });
});
