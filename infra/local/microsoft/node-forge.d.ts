/** As much of it as makes a certificate. */
declare module "node-forge" {
  interface Attribute {
    readonly name: string;
    readonly value: string;
  }
  interface Certificate {
    publicKey: unknown;
    serialNumber: string;
    readonly validity: { notBefore: Date; notAfter: Date };
    setSubject(attributes: readonly Attribute[]): void;
    setIssuer(attributes: readonly Attribute[]): void;
    sign(privateKey: unknown, digest: unknown): void;
  }
  const forge: {
    readonly pki: {
      createCertificate(): Certificate;
      certificateToPem(certificate: Certificate): string;
      publicKeyFromPem(pem: string): unknown;
      privateKeyFromPem(pem: string): unknown;
    };
    readonly md: { readonly sha256: { create(): unknown } };
  };
  export default forge;
}
