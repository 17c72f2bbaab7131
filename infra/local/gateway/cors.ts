/** `CorsConfiguration` of an HTTP API. */
export interface CorsConfiguration {
  readonly allowOrigins: readonly string[];
  readonly allowMethods: readonly string[];
  readonly allowHeaders: readonly string[];
  readonly exposeHeaders: readonly string[];
  readonly allowCredentials: boolean;
  readonly maxAgeSeconds?: number;
}

/** The gateway answers for CORS alone: what a function says of it is dropped. */
export const isCorsHeader = (name: string): boolean => name.startsWith("access-control-");

const originHeaders = (
  cors: CorsConfiguration,
  origin: string | undefined,
): Record<string, string> | undefined => {
  if (origin === undefined) return undefined;
  const anyOrigin = cors.allowOrigins.includes("*");
  if (!anyOrigin && !cors.allowOrigins.includes(origin)) return undefined;
  return {
    "access-control-allow-origin": anyOrigin ? "*" : origin,
    ...(cors.allowCredentials && { "access-control-allow-credentials": "true" }),
  };
};

/** For every answer, those of the gateway itself included. Empty for an origin that is not allowed. */
export const corsHeaders = (
  cors: CorsConfiguration,
  origin: string | undefined,
): Record<string, string> => ({
  ...originHeaders(cors, origin),
  ...(originHeaders(cors, origin) &&
    cors.exposeHeaders.length > 0 && {
      "access-control-expose-headers": cors.exposeHeaders.join(","),
    }),
});

/** For the 204 to a preflight. Empty if the page may not send this request. */
export const preflightHeaders = (
  cors: CorsConfiguration,
  origin: string | undefined,
  method: string | undefined,
): Record<string, string> => {
  const allowed = originHeaders(cors, origin);
  const methods = cors.allowMethods;
  if (!allowed || method === undefined) return {};
  if (!methods.includes("*") && !methods.includes(method)) return {};
  return {
    ...allowed,
    "access-control-allow-methods": methods.join(","),
    ...(cors.allowHeaders.length > 0 && {
      "access-control-allow-headers": cors.allowHeaders.join(","),
    }),
    ...(cors.maxAgeSeconds !== undefined && { "access-control-max-age": `${cors.maxAgeSeconds}` }),
  };
};
