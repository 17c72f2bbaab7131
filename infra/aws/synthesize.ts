import { App, type StackProps, Validations } from "aws-cdk-lib/core";
import { bundlesFolder } from "../build.ts";
import { DataStack } from "./data-stack.ts";
import { ServiceStack } from "./service-stack.ts";
import { checkedStage, type Stage } from "./stages.ts";

export interface SynthesizeOptions {
  /** Holds a folder of bundled code for each function. */
  readonly bundles?: string;
  /** Also holds the templates against the rule packs of cdk-nag, and fails if a finding is not explained. */
  readonly checks?: boolean;
}

/** CloudFormation templates as parsed JSON. */
export interface StageTemplates extends Readonly<Record<string, unknown>> {
  readonly data: unknown;
  readonly service: unknown;
}

/**
 * Writes a stage's templates and assets to a folder, as `cdk deploy` takes them. Needs no AWS credentials.
 *
 * @throws if the stage has a setting that is wrong, a function has no bundle, or a check finds something
 */
export const synthesize = async (
  stage: Stage,
  outdir?: string,
  { bundles = bundlesFolder, checks = false }: SynthesizeOptions = {},
): Promise<StageTemplates> => {
  const { name, env } = checkedStage(stage);
  const app = new App({
    ...(outdir && { outdir }),
    analyticsReporting: false,
    context: {
      // Here and not in cdk.json, so that the templates are the same without the CDK's command line.
      "@aws-cdk/aws-iam:minimizePolicies": true,
      "@aws-cdk/core:enablePartitionLiterals": true,
      "@aws-cdk/core:checkSecretUsage": true,
      // CloudFormation refuses to remove a table or a secret that the service still names.
      "@aws-cdk/core:defaultCrossStackReferences": "strong",
      "@aws-cdk/aws-apigateway:disableCloudWatchRole": true,
    },
  });
  if (checks) {
    const { AwsSolutionsChecks, ServerlessChecks } = await import("cdk-nag");
    Validations.of(app).addPlugins(
      new AwsSolutionsChecks(app, { writeSuppressionsToCloudFormation: true }),
      new ServerlessChecks(app),
    );
  }
  const props: StackProps = {
    ...(env && { env }),
    tags: { service: "outlook-connect", stage: name },
  };
  const data = new DataStack(app, "Data", stage, {
    ...props,
    stackName: `outlook-connect-${name}-data`,
    terminationProtection: stage.removalProtection,
  });
  const service = new ServiceStack(app, "Service", stage, {
    ...props,
    stackName: `outlook-connect-${name}-service`,
    // Its logs have names of their own and stay: a second stack beside them could not be made.
    terminationProtection: stage.removalProtection,
    data,
    bundles,
  });
  const assembly = app.synth();
  return {
    data: assembly.getStackArtifact(data.artifactId).template,
    service: assembly.getStackArtifact(service.artifactId).template,
  };
};
