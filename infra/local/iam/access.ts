import { localAccountId } from "../gateway/template-values.ts";
import { isMet, type RequestContext } from "./condition.ts";
import { matchesAction, matchesArn } from "./iam-pattern.ts";
import type { Permission, RolePolicy } from "./role-policies.ts";

/** A permission that a function's role gives it. */
export interface Grant extends Permission {
  readonly functionName: string;
}

/** A request that AWS would not serve, and how it would say so. */
export interface Refusal {
  readonly code: "AccessDeniedException" | "UnrecognizedClientException";
  readonly message: string;
}

export interface DeniedCall {
  readonly functionName: string;
  /** `dynamodb:PutItem` */
  readonly action: string;
  readonly resource: string;
}

/** More than any test or mistake has different ones of. */
const rememberedDenials = 100;

/**
 * Who may do what, by the roles of the templates, and what came of it: which grants were used, and what was
 * denied. A role's policies as IAM evaluates them: what is denied is denied, what is not allowed is denied too.
 */
export class Access {
  readonly #policies: ReadonlyMap<string, RolePolicy>;
  readonly #grants: readonly Grant[];
  readonly #withdrawn = new Set<Grant>();
  readonly #used = new Set<Grant>();
  readonly #denied = new Map<string, DeniedCall>();

  /** @param policies by the function's name */
  constructor(policies: ReadonlyMap<string, RolePolicy>) {
    this.#policies = policies;
    this.#grants = [...policies].flatMap(([functionName, { allow }]) =>
      allow.map((permission) => ({ functionName, ...permission })),
    );
  }

  get grants(): readonly Grant[] {
    return this.#grants;
  }

  /** Grants that no request has needed so far. */
  get unusedGrants(): readonly Grant[] {
    return this.#grants.filter((grant) => !this.#used.has(grant));
  }

  /** Each combination once; at most a hundred. */
  get denied(): readonly DeniedCall[] {
    return [...this.#denied.values()];
  }

  /**
   * Takes a permission from a function, as if it were not in the template.
   *
   * @returns gives it back
   */
  withdraw(grant: Grant): () => void {
    if (!this.#grants.includes(grant)) throw new Error("no role holds this grant");
    this.#withdrawn.add(grant);
    return () => this.#withdrawn.delete(grant);
  }

  /**
   * @param caller whose credentials signed the request
   * @param action `dynamodb:PutItem`
   * @param resources ARNs of all that the request is about; `*` for an action that knows no resources
   * @param context what the request says of itself, for conditions
   * @returns `undefined` if the caller may do this
   */
  refusal(
    caller: string | undefined,
    action: string,
    resources: readonly string[],
    context: RequestContext = {},
  ): Refusal | undefined {
    const policy = caller === undefined ? undefined : this.#policies.get(caller);
    if (caller === undefined || policy === undefined) {
      return {
        code: "UnrecognizedClientException",
        message: "The security token included in the request is invalid.",
      };
    }
    const used: Grant[] = [];
    for (const resource of resources) {
      const covers = (permission: Permission) =>
        matchesAction(permission.action, action) &&
        matchesArn(permission.resource, resource) &&
        (permission.condition === undefined || isMet(permission.condition, context));
      const isDenied = policy.deny.some(covers);
      const allowing = this.#grants.filter(
        (grant) => grant.functionName === caller && !this.#withdrawn.has(grant) && covers(grant),
      );
      if (isDenied || allowing.length === 0) {
        this.#remember({ functionName: caller, action, resource });
        return denial(policy.roleName, caller, action, resource, isDenied);
      }
      used.push(...allowing);
    }
    for (const grant of used) this.#used.add(grant);
    return undefined;
  }

  #remember(call: DeniedCall): void {
    const key = JSON.stringify(call);
    if (this.#denied.size < rememberedDenials || this.#denied.has(key)) this.#denied.set(key, call);
  }
}

/** IAM User Guide, "Troubleshoot access denied error messages" */
const denial = (
  roleName: string,
  functionName: string,
  action: string,
  resource: string,
  isExplicit: boolean,
): Refusal => ({
  code: "AccessDeniedException",
  message:
    `User: arn:aws:sts::${localAccountId}:assumed-role/${roleName}/${functionName} ` +
    `is not authorized to perform: ${action}` +
    `${resource === "*" ? "" : ` on resource: ${resource}`} ` +
    (isExplicit
      ? "with an explicit deny in an identity-based policy"
      : `because no identity-based policy allows the ${action} action`),
});
