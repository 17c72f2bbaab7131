/** An answer of Secrets Manager that is not a success, as clients see it. */
export class AwsFailure extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, message: string, status = 400) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

export const notFound = () =>
  new AwsFailure("ResourceNotFoundException", "Secrets Manager can't find the specified secret.");

export const invalidParameter = (message: string) =>
  new AwsFailure("InvalidParameterException", message);

export const invalidRequest = (message: string) =>
  new AwsFailure("InvalidRequestException", message);

export const limitExceeded = (message: string) => new AwsFailure("LimitExceededException", message);

/** A member of the request breaks a constraint of the service's model. The value is never repeated. */
export const validationFailure = (member: string, constraint: string) =>
  new AwsFailure(
    "ValidationException",
    `1 validation error detected: Value at '${member}' failed to satisfy constraint: ${constraint}`,
  );
