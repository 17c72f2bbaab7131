import { type ClientConfiguration, commandOf, exceptionOf, JsonClient } from "./json-client.ts";

/**
 * What token-fetch uses of `@aws-sdk/client-dynamodb`, under the same names; the build puts it in that package's place.
 * An import that is not here fails the build.
 *
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.LowLevelAPI.html
 */
export class DynamoDBClient extends JsonClient {
  constructor(configuration: ClientConfiguration = {}) {
    super(
      { service: "dynamodb", target: "DynamoDB_20120810", version: "1.0" },
      "AWS_ENDPOINT_URL_DYNAMODB",
      { ConditionalCheckFailedException },
      configuration,
    );
  }
}

export const GetItemCommand = commandOf("GetItem");
export const PutItemCommand = commandOf("PutItem");
export const UpdateItemCommand = commandOf("UpdateItem");
export const DeleteItemCommand = commandOf("DeleteItem");
export const QueryCommand = commandOf("Query");

export const ConditionalCheckFailedException = exceptionOf("ConditionalCheckFailedException");
