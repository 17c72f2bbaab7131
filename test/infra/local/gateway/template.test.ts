// biome-ignore-all lint/suspicious/noTemplateCurlyInString: CloudFormation's own syntax, in Fn::Sub
import { resolve } from "node:path";
import { expect, it } from "vitest";
import { readData, readService } from "../../../../infra/local/gateway/template.ts";

/** Two stacks in the shape in which the CDK synthesizes them. */
const data = {
  Resources: {
    Key: { Type: "AWS::KMS::Key", Properties: { EnableKeyRotation: true } },
    Attempts: {
      Type: "AWS::DynamoDB::Table",
      Properties: {
        AttributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }],
        KeySchema: [{ AttributeName: "id", KeyType: "HASH" }],
        SSESpecification: { KMSMasterKeyId: { "Fn::GetAtt": ["Key", "Arn"] } },
        TableName: { "Fn::Join": ["-", [{ Ref: "AWS::StackName" }, "attempts"]] },
      },
    },
    TokenKeys: {
      Type: "AWS::SecretsManager::Secret",
      Properties: { Name: "local/token-keys", GenerateSecretString: { PasswordLength: 64 } },
    },
    ClientCredential: { Type: "AWS::SecretsManager::Secret", Properties: {} },
  },
  Outputs: {
    ExportsOutputRefAttempts: {
      Value: { Ref: "Attempts" },
      Export: { Name: "data:ExportsOutputRefAttempts" },
    },
    ExportsOutputRefTokenKeys: {
      Value: { Ref: "TokenKeys" },
      Export: { Name: { "Fn::Sub": "${AWS::StackName}:ExportsOutputRefTokenKeys" } },
    },
    ExportsOutputFnGetAttKey: {
      Value: { "Fn::GetAtt": ["Key", "Arn"] },
      Export: { Name: "data:ExportsOutputFnGetAttKey" },
    },
  },
  Parameters: { BootstrapVersion: { Default: "/cdk-bootstrap/hnb659fds/version" } },
};

const route = (RouteKey: string, more = {}) => ({
  Type: "AWS::ApiGatewayV2::Route",
  Properties: {
    ApiId: { Ref: "Api" },
    AuthorizationType: "NONE",
    RouteKey,
    Target: { "Fn::Join": ["", ["integrations/", { Ref: "StartIntegration" }]] },
    ...more,
  },
});

const service = (variables: Record<string, unknown> = {}, resources = {}) => ({
  Resources: {
    Start: {
      Type: "AWS::Lambda::Function",
      Properties: {
        Code: { S3Bucket: { "Fn::Sub": "assets-${AWS::AccountId}" }, S3Key: "0a1b.zip" },
        Environment: { Variables: variables },
        FunctionName: "outlook-connect-local-start",
        Handler: "index.handler",
        LoggingConfig: { LogFormat: "JSON", LogGroup: { Ref: "Logs" } },
        MemorySize: 512,
        ReservedConcurrentExecutions: 25,
        Role: { "Fn::GetAtt": ["Unknown", "Arn"] },
        Timeout: 10,
      },
    },
    Logs: { Type: "AWS::Logs::LogGroup", Properties: { LogGroupName: "/aws/lambda/start" } },
    Live: {
      Type: "AWS::Lambda::Alias",
      Properties: { FunctionName: { Ref: "Start" }, Name: "live" },
    },
    Api: {
      Type: "AWS::ApiGatewayV2::Api",
      Properties: {
        Name: "Api",
        CorsConfiguration: {
          AllowHeaders: ["authorization"],
          AllowMethods: ["GET"],
          AllowOrigins: ["http://app.test"],
          MaxAge: 3600,
        },
      },
    },
    Authorizer: {
      Type: "AWS::ApiGatewayV2::Authorizer",
      Properties: {
        AuthorizerType: "JWT",
        IdentitySource: ["$request.header.Authorization"],
        JwtConfiguration: { Audience: ["appse-ai"], Issuer: "http://issuer.test" },
      },
    },
    StartIntegration: {
      Type: "AWS::ApiGatewayV2::Integration",
      Properties: {
        IntegrationType: "AWS_PROXY",
        IntegrationUri: { "Fn::GetAtt": ["Start", "Arn"] },
        PayloadFormatVersion: "2.0",
      },
    },
    StartRoute: route("POST /start"),
    ...resources,
  },
});

const values = {
  apiEndpoint: "http://127.0.0.1:4000",
  secretArns: { "local/token-keys": "arn:vault", ClientCredential: "arn:credential" },
};

const read = (variables?: Record<string, unknown>, resources?: object) =>
  readService({ data, service: service(variables, resources) }, { assemblyFolder: "/out", values });

const resolved = (value: unknown) => read({ IT: value }).functions[0]?.environment.IT;

it("reads tables and secrets before anything runs", () => {
  const { tables, secrets } = readData({ data, service: service() });

  expect(tables).toEqual([
    {
      TableName: "data-attempts",
      AttributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }],
      KeySchema: [{ AttributeName: "id", KeyType: "HASH" }],
      SSESpecification: { KMSMasterKeyId: "arn:aws:kms:us-east-1:123456789012:key/Key" },
    },
  ]);
  expect(secrets).toEqual([
    { logicalId: "TokenKeys", name: "local/token-keys", generate: { PasswordLength: 64 } },
    { logicalId: "ClientCredential", name: "ClientCredential" },
  ]);
});

it("reads functions", () => {
  expect(read({ LOG_LEVEL: "INFO" }).functions).toEqual([
    {
      name: "outlook-connect-local-start",
      arn: "arn:aws:lambda:us-east-1:123456789012:function:outlook-connect-local-start",
      codeFolder: resolve("/out/asset.0a1b"),
      handler: "index.handler",
      environment: { LOG_LEVEL: "INFO" },
      timeoutSeconds: 10,
      memoryMegabytes: 512,
      reservedConcurrency: 25,
      logFormat: "JSON",
    },
  ]);
});

it("reads routes, authorizer and CORS of the API", () => {
  const { api } = read(
    {},
    {
      Private: route("GET /things/{id}", {
        AuthorizationType: "JWT",
        AuthorizerId: { Ref: "Authorizer" },
        AuthorizationScopes: ["read"],
      }),
      Rest: route("$default", { Target: "integrations/SlowIntegration" }),
      SlowIntegration: {
        Type: "AWS::ApiGatewayV2::Integration",
        Properties: {
          IntegrationType: "AWS_PROXY",
          IntegrationUri: { Ref: "Live" },
          PayloadFormatVersion: "2.0",
          TimeoutInMillis: 20_000,
        },
      },
    },
  );

  const functionName = "outlook-connect-local-start";
  expect(api).toEqual({
    id: "local",
    accountId: "123456789012",
    routes: [
      { method: "POST", path: "/start", functionName },
      {
        method: "GET",
        path: "/things/{id}",
        functionName,
        authorizer: { issuer: "http://issuer.test", audience: ["appse-ai"] },
        scopes: ["read"],
      },
      { method: "ANY", path: "$default", functionName, timeoutMs: 20_000 },
    ],
    cors: {
      allowOrigins: ["http://app.test"],
      allowMethods: ["GET"],
      allowHeaders: ["authorization"],
      exposeHeaders: [],
      allowCredentials: false,
      maxAgeSeconds: 3600,
    },
  });
});

it.for([
  [
    "Ref of a table of the other stack",
    { "Fn::ImportValue": "data:ExportsOutputRefAttempts" },
    "data-attempts",
  ],
  [
    "ARN of a secret of the other stack",
    { "Fn::ImportValue": "data:ExportsOutputRefTokenKeys" },
    "arn:vault",
  ],
  [
    "attribute of a key of the other stack",
    { "Fn::ImportValue": "data:ExportsOutputFnGetAttKey" },
    "arn:aws:kms:us-east-1:123456789012:key/Key",
  ],
  ["endpoint of the API", { "Fn::GetAtt": ["Api", "ApiEndpoint"] }, "http://127.0.0.1:4000"],
  ["endpoint of the API, in short", { "Fn::GetAtt": "Api.ApiEndpoint" }, "http://127.0.0.1:4000"],
  [
    "alias",
    { Ref: "Live" },
    "arn:aws:lambda:us-east-1:123456789012:function:outlook-connect-local-start:live",
  ],
  [
    "pseudo parameters",
    {
      "Fn::Join": [
        ",",
        [
          { Ref: "AWS::Region" },
          { Ref: "AWS::AccountId" },
          { Ref: "AWS::Partition" },
          { Ref: "AWS::URLSuffix" },
        ],
      ],
    },
    "us-east-1,123456789012,aws,amazonaws.com",
  ],
  [
    "substitution",
    { "Fn::Sub": "${Api.ApiEndpoint}/${AWS::StackName}/${!Literal}" },
    "http://127.0.0.1:4000/service/${Literal}",
  ],
  [
    "substitution with variables",
    { "Fn::Sub": ["${A}-${B}", { A: { Ref: "Api" }, B: 2 }] },
    "local-2",
  ],
  ["selection", { "Fn::Select": [1, { "Fn::Split": [":", "a:b:c"] }] }, "b"],
  ["no value", { Ref: "AWS::NoValue" }, undefined],
] as const)("resolves: %s", ([, value, expected]) => {
  expect(resolved(value)).toBe(expected);
});

it.for([
  ["a function", { "Fn::Cidr": ["10.0.0.0/16", 1, 8] }, "Fn::Cidr: the function Fn::Cidr"],
  [
    "an attribute",
    { "Fn::GetAtt": ["Live", "Routing"] },
    "Fn::GetAtt: Routing of Live, a AWS::Lambda::Alias",
  ],
  ["a resource", { Ref: "Nothing" }, "Ref: the resource Nothing"],
  ["an export", { "Fn::ImportValue": "data:Nothing" }, "Fn::ImportValue: the export data:Nothing"],
  ["an item", { "Fn::Select": ["3", ["a"]] }, "Fn::Select: there is no item 3"],
] as const)("names the place of %s it does not know", ([, value, message]) => {
  expect(() => resolved(value)).toThrow(
    `service.Resources.Start.Properties.Environment.Variables.IT.${message}`,
  );
});

it("asks for the values that only a running stack knows", () => {
  const stacks = {
    data,
    service: service({ IT: { "Fn::ImportValue": "data:ExportsOutputRefTokenKeys" } }),
  };

  expect(() => readService(stacks, { assemblyFolder: "/out", values: {} })).toThrow(
    "the ARN of the secret local/token-keys is not known",
  );
});

it("refuses a kind of authorization that it would not enforce", () => {
  expect(() => read({}, { Iam: route("GET /x", { AuthorizationType: "AWS_IAM" }) })).toThrow();
});
