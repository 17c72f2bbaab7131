/** What the bench and the process of its engines say to each other. */
export type EngineOrder =
  | { readonly order: "counts" }
  | { readonly order: "forget" }
  /** How long every request waits before it is served. */
  | { readonly order: "latency"; readonly milliseconds: number }
  /** How long Microsoft thinks. */
  | { readonly order: "microsoft"; readonly milliseconds: number };

/** Requests by operation (`GetItem`, `GetSecretValue`, …); `token` is Microsoft's token endpoint. */
export type Counts = Readonly<Record<string, number>>;

export type EngineName = "dynamoDb" | "secretsManager" | "microsoft";

/** Each engine by plain HTTP, and by TLS where a certificate could be made. */
export interface EngineOrigins {
  readonly http: Readonly<Record<EngineName, string>>;
  readonly https?: Readonly<Record<EngineName, string>>;
  /** File of the certificate authority, for `NODE_EXTRA_CA_CERTS`. */
  readonly authority?: string;
}

/** Microsoft's token endpoint is said to take some 150 ms. */
export const tokenEndpointMilliseconds = 150;

/** How long the tokens of the counting token endpoint live. */
export const tokenLifetimeSeconds = 4_500;
