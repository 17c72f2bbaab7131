import { type ClientConfiguration, commandOf, exceptionOf, JsonClient } from "./json-client.ts";

/**
 * What token-fetch uses of `@aws-sdk/client-secrets-manager`, under the same names; the build puts it in that package's
 * place. An import that is not here fails the build.
 *
 * @see https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_Operations.html
 */
export class SecretsManagerClient extends JsonClient {
  constructor(configuration: ClientConfiguration = {}) {
    super(
      { service: "secretsmanager", target: "secretsmanager", version: "1.1" },
      "AWS_ENDPOINT_URL_SECRETS_MANAGER",
      { InvalidRequestException, ResourceNotFoundException },
      configuration,
    );
  }
}

export const CreateSecretCommand = commandOf("CreateSecret");
export const DeleteSecretCommand = commandOf("DeleteSecret");
export const GetSecretValueCommand = commandOf("GetSecretValue");
export const PutSecretValueCommand = commandOf("PutSecretValue");

export const InvalidRequestException = exceptionOf("InvalidRequestException");
export const ResourceNotFoundException = exceptionOf("ResourceNotFoundException");
