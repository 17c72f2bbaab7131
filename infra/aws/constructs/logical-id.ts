import { CfnElement } from "aws-cdk-lib/core";
import type { Construct } from "constructs";

/**
 * Names a construct's resource in the template. CloudFormation replaces what changes its name, so
 * whatever holds data gets a name that moving code about cannot change.
 */
export const nameInTemplate = (construct: Construct, logicalId: string): void => {
  const resource = construct.node.defaultChild;
  if (!resource || !CfnElement.isCfnElement(resource)) {
    throw new Error(`${construct.node.path} is not one resource, so it cannot be ${logicalId}.`);
  }
  resource.overrideLogicalId(logicalId);
};
