import { randomUUID } from "node:crypto";

/** https://docs.aws.amazon.com/STS/latest/APIReference/API_GetWebIdentityToken.html */
const namespace = "https://sts.amazonaws.com/doc/2011-06-15/";

/** Nothing here holds markup; what a client sent is never repeated. */
export const stsResult = (action: string, members: Readonly<Record<string, string>>): string => {
  const listed = Object.entries(members).map(([name, value]) => `<${name}>${value}</${name}>`);
  return `<${action}Response xmlns="${namespace}"><${action}Result>${listed.join("")}</${action}Result><ResponseMetadata><RequestId>${randomUUID()}</RequestId></ResponseMetadata></${action}Response>`;
};

export const stsError = (code: string, message: string): string =>
  `<ErrorResponse xmlns="${namespace}"><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error><RequestId>${randomUUID()}</RequestId></ErrorResponse>`;

/** `Audience.member.1`, `Audience.member.2`, … as the AWS Query protocol writes lists. */
export const audiencesIn = (form: URLSearchParams): readonly string[] =>
  [...form].filter(([name]) => /^Audience\.member\.\d+$/.test(name)).map(([, value]) => value);
