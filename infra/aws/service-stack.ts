import { Stack, type StackProps } from "aws-cdk-lib/core";
import type { Construct } from "constructs";
import { MailService } from "./constructs/mail-service.ts";
import { OperationsKey } from "./constructs/operations-key.ts";
import { PublicApi } from "./constructs/public-api.ts";
import type { DataStack } from "./data-stack.ts";
import { defineApprovals } from "./service/approvals.ts";
import { defineConnectionsOfMany, defineOwnConnections } from "./service/connections.ts";
import { defineCredentials } from "./service/credentials.ts";
import type { ServiceFunctions } from "./service/functions.ts";
import { defineInvokers } from "./service/invokers.ts";
import { defineMonitoring } from "./service/monitoring.ts";
import { defineOutputs } from "./service/outputs.ts";
import { ServiceContext } from "./service/service-context.ts";
import { defineSignIn } from "./service/sign-in.ts";
import { defineTokenFetch, defineTokenUpkeep } from "./service/tokens.ts";
import type { Stage } from "./stages.ts";

export interface ServiceStackProps extends StackProps {
  readonly data: DataStack;
  /** Holds a folder of bundled code for each function. */
  readonly bundles: string;
}

/** What each deployment replaces: the API, its functions with their permissions, and the alarms. */
export class ServiceStack extends Stack {
  constructor(
    scope: Construct,
    id: string,
    stage: Stage,
    { data, bundles, ...props }: ServiceStackProps,
  ) {
    super(scope, id, props);
    const operationsKey = new OperationsKey(this, "OperationsKey", stage);
    const context = new ServiceContext(this, {
      stage,
      data,
      bundles,
      logKey: operationsKey,
      api: new PublicApi(this, "Api", { stage, logKey: operationsKey }),
      mail: new MailService(this, "Mail", stage),
    });

    const signIn = defineSignIn(context);
    const ownConnections = defineOwnConnections(context);
    const tokenFetch = defineTokenFetch(context);
    const approvals = defineApprovals(context);
    const tokenUpkeep = defineTokenUpkeep(context, tokenFetch);
    const connectionsOfMany = defineConnectionsOfMany(context);
    const credentials = defineCredentials(context);
    const functions: ServiceFunctions = {
      ...signIn,
      ...ownConnections,
      tokenFetch,
      ...approvals,
      ...tokenUpkeep,
      ...connectionsOfMany,
      ...credentials,
    };

    const policies = defineInvokers(context, functions);
    defineMonitoring(context, functions, operationsKey);
    defineOutputs(context, functions, policies);
  }
}
