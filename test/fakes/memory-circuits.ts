import type { CircuitScope, Circuits, StoredCircuit } from "../../shared/domain/circuit.ts";

const keyOf = (scope: CircuitScope) => (scope.kind === "tenant" ? scope.tenantId : scope.kind);

/** Circuits in memory, with the promises of the port and nothing more. Every method is one step. */
export const memoryCircuits = (): Circuits => {
  const stored = new Map<string, StoredCircuit>();
  return {
    find: async (scope) => stored.get(keyOf(scope)),

    write: async (scope, before, circuit) => {
      const version = stored.get(keyOf(scope))?.version ?? 0;
      if (version !== (before?.version ?? 0)) return false;
      stored.set(keyOf(scope), { circuit, version: version + 1 });
      return true;
    },
  };
};
