import {
  CreateSecretCommand,
  DescribeSecretCommand,
  GetRandomPasswordCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  ResourceNotFoundException,
  SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";
import * as z from "zod/mini";
import type { SecretDefinition } from "./gateway/template.ts";

const generateSecretString = z.object({
  PasswordLength: z.optional(z.number()),
  ExcludeCharacters: z.optional(z.string()),
  ExcludeLowercase: z.optional(z.boolean()),
  ExcludeNumbers: z.optional(z.boolean()),
  ExcludePunctuation: z.optional(z.boolean()),
  ExcludeUppercase: z.optional(z.boolean()),
  IncludeSpace: z.optional(z.boolean()),
  RequireEachIncludedType: z.optional(z.boolean()),
  SecretStringTemplate: z.optional(z.string()),
  GenerateStringKey: z.optional(z.string()),
});

const jsonObject = z.record(z.string(), z.unknown());

/** The first value of a secret, as CloudFormation would make it. */
const generated = async (client: SecretsManagerClient, generate: unknown): Promise<string> => {
  const { SecretStringTemplate, GenerateStringKey, ...rules } =
    generateSecretString.parse(generate);
  const { RandomPassword = "" } = await client.send(new GetRandomPasswordCommand(rules));
  if (GenerateStringKey === undefined) return RandomPassword;
  const template = jsonObject.parse(JSON.parse(SecretStringTemplate ?? "{}"));
  return JSON.stringify({ ...template, [GenerateStringKey]: RandomPassword });
};

const find = async (client: SecretsManagerClient, name: string): Promise<string | undefined> => {
  try {
    return (await client.send(new DescribeSecretCommand({ SecretId: name }))).ARN;
  } catch (error) {
    if (error instanceof ResourceNotFoundException) return undefined;
    throw error;
  }
};

/**
 * Creates the secrets that are not there yet, as CloudFormation would; those with a value in `given` hold that one
 * afterwards, even if they were there.
 *
 * @param given values by name, of secrets that an operator fills in on AWS
 * @returns ARNs by name
 */
export const createSecrets = async (
  endpoint: string,
  region: string,
  definitions: readonly SecretDefinition[],
  given: Readonly<Record<string, string>>,
): Promise<Readonly<Record<string, string>>> => {
  const client = new SecretsManagerClient({
    endpoint,
    region,
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  });
  const arns: Record<string, string> = {};
  try {
    for (const { name, generate = {}, secretString } of definitions) {
      const value = given[name];
      const existing = await find(client, name);
      if (existing === undefined) {
        const first = value ?? secretString ?? (await generated(client, generate));
        const { ARN = "" } = await client.send(
          new CreateSecretCommand({ Name: name, SecretString: first }),
        );
        arns[name] = ARN;
        continue;
      }
      arns[name] = existing;
      if (value === undefined) continue;
      const { SecretString } = await client.send(
        new GetSecretValueCommand({ SecretId: name, VersionStage: "AWSCURRENT" }),
      );
      if (SecretString !== value) {
        await client.send(new PutSecretValueCommand({ SecretId: name, SecretString: value }));
      }
    }
  } finally {
    client.destroy();
  }
  return arns;
};
