import type { ConsentProofs, PendingProof } from "../../shared/domain/consent-proof.ts";

/** Proving sign-ins in memory, with the promises of the port and nothing more. Every method is one step. */
export const memoryConsentProofs = (): ConsentProofs => {
  const proofs = new Map<string, PendingProof>();

  return {
    begin: async (proof) => {
      proofs.set(proof.id, proof);
    },

    take: async (id, browserHash, now) => {
      const proof = proofs.get(id);
      if (!proof || proof.browserHash !== browserHash || proof.expiresAt <= now) return undefined;
      proofs.delete(id);
      return proof;
    },
  };
};
