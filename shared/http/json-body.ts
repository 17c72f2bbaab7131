import type * as z from "zod/mini";
import type { HttpRequest } from "./request.ts";

/** No body of this API comes near it. */
const largestBodyCharacters = 4096;

/** Answers `undefined` for what is not a JSON object of this shape, sent as `application/json`. */
export const jsonBody = <Schema extends z.ZodMiniType>(
  { headers, body }: HttpRequest,
  schema: Schema,
): z.output<Schema> | undefined => {
  const [mediaType] = (headers["content-type"] ?? "").split(";");
  if (mediaType?.trim().toLowerCase() !== "application/json") return undefined;
  if (body.length > largestBodyCharacters) return undefined;
  try {
    return schema.safeParse(JSON.parse(body)).data;
  } catch {
    return undefined;
  }
};
