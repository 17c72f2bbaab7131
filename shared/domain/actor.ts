/** Who must act before the same request can succeed. */
export type Actor = "user" | "tenant_admin" | "operator" | "nobody";
