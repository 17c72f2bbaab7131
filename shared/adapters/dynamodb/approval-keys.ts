import type { CircuitScope } from "../../domain/circuit.ts";
import { hashOf, ownerKeyOf, type ProductUser, type TenantId } from "../../domain/ids.ts";
import { type Organisation, organisationKey, type Tally } from "../../domain/tenant-consent.ts";

/** Approvals are kept apart by what they are for. */
export interface ApprovalSubject {
  /** The app registration. */
  readonly clientId: string;
  /** Names the permissions that are asked for. */
  readonly scopeSet: string;
}

/**
 * Keys of the table `TenantConsents`: `pk` holds together what is known of one organisation, `sk` tells its
 * items apart.
 */
export const approvalKeys = ({ clientId, scopeSet }: ApprovalSubject) => {
  const partition = (organisation: Organisation) =>
    `${clientId}/${scopeSet}/${organisationKey(organisation)}`;
  return {
    partition,
    state: (organisation: Organisation) => ({ pk: partition(organisation), sk: "state" }),
    tally: (organisation: Organisation, tally: Tally) => ({
      pk: partition(organisation),
      sk: `tally/${tally}`,
    }),
    request: (organisation: Organisation, user: ProductUser) => ({
      pk: partition(organisation),
      sk: `${requestPrefix}${ownerKeyOf(user)}`,
    }),
    link: (tokenHash: string) => ({ pk: `link/${tokenHash}`, sk: "link" }),
  };
};

export const requestPrefix = "request/";

export const proofKey = (id: string) => ({ pk: `proof/${id}`, sk: "proof" });

export const circuitKey = (clientId: string, scope: CircuitScope) => ({
  pk: `circuit/${clientId}/${scope.kind === "tenant" ? scope.tenantId : scope.kind}`,
  sk: "circuit",
});

export const signInFrequencyKey = (clientId: string, tenantId: TenantId) => ({
  pk: `sign-in-frequency/${clientId}/${tenantId}`,
  sk: "sign-in-frequency",
});

/** No address stands in a key: only its hash does. */
export const recipientKey = (mailboxOrAddress: string, part: string) => ({
  pk: `recipient/${hashOf("mailbox", mailboxOrAddress)}`,
  sk: part,
});

export const counterKey = (what: string, day: string) => ({ pk: `count/${what}`, sk: day });
