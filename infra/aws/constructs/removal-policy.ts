import { RemovalPolicy } from "aws-cdk-lib/core";
import type { Stage } from "../stages.ts";

/**
 * For logs and what encrypts them. They outlive their stack, but not a first deployment that fails: what it left would
 * have the names that the next one needs.
 */
export const operationsRemovalPolicy = ({ removalProtection }: Stage): RemovalPolicy =>
  removalProtection ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY;
