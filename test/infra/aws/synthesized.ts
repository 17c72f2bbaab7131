import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as z from "zod/mini";
import type { Stage } from "../../../infra/aws/stages.ts";
import { synthesize } from "../../../infra/aws/synthesize.ts";

const functionNames = [
  "start",
  "attempts",
  "callback",
  "complete",
  "connections",
  "disconnect",
  "token-fetch",
  "admin-consent-request",
  "approval-status",
  "admin-consent",
  "admin-consent-callback",
  "resume-waiting",
  "mail-events",
  "credential-expiry",
  "keep-alive",
  "sweep-vault",
  "erase-connections",
  "require-sign-in",
  "rotate-vault-keys",
] as const;

const record = z.record(z.string(), z.unknown());

const templateSchema = z.object({
  Resources: z.record(
    z.string(),
    z.looseObject({
      Type: z.string(),
      Properties: z._default(record, {}),
      Metadata: z._default(record, {}),
      DeletionPolicy: z.optional(z.string()),
      UpdateReplacePolicy: z.optional(z.string()),
    }),
  ),
  Outputs: z._default(
    z.record(
      z.string(),
      z.object({ Value: z.unknown(), Export: z.optional(z.object({ Name: z.string() })) }),
    ),
    {},
  ),
});

export type Template = z.infer<typeof templateSchema>;
export type Resource = Template["Resources"][string] & { readonly id: string };

/** Without the hash that the CDK puts at the end of most names. */
const plain = (logicalId: string) => logicalId.replace(/[0-9A-F]{8}$/, "");

/** Both templates of a stage, and what they say in words that a test can compare. */
export class SynthesizedStage {
  /** As CloudFormation gets them, by the name of their stack. */
  readonly texts: Readonly<Record<"Data" | "Service", string>>;
  readonly data: Template;
  readonly service: Template;
  /** Names of the stacks that CloudFormation does not delete. */
  readonly protectedStacks: readonly string[];

  constructor(data: unknown, service: unknown, protectedStacks: readonly string[]) {
    this.protectedStacks = protectedStacks;
    this.texts = { Data: JSON.stringify(data), Service: JSON.stringify(service) };
    this.data = templateSchema.parse(data);
    this.service = templateSchema.parse(service);
  }

  resources(type: string): readonly Resource[] {
    return [this.data, this.service].flatMap(({ Resources }) =>
      Object.entries(Resources)
        .filter(([, { Type }]) => Type === type)
        .map(([id, resource]) => ({ ...resource, id: plain(id) })),
    );
  }

  resource(type: string, id: string): Resource {
    const found = this.resources(type).find((each) => each.id === id);
    if (!found) throw new Error(`There is no ${type} ${id}.`);
    return found;
  }

  /** A value of a template as text: `Ref` and `Fn::GetAtt` are the names of what they point at. */
  readable(value: unknown): string {
    if (typeof value === "string") return value;
    if (Array.isArray(value)) return value.map((each) => this.readable(each)).join();
    const [[intrinsic, argument] = ["", undefined]] = Object.entries(record.parse(value));
    switch (intrinsic) {
      case "Ref": {
        const name = z.string().parse(argument);
        return name.startsWith("AWS::") ? `<${name.slice("AWS::".length)}>` : plain(name);
      }
      case "Fn::GetAtt":
        return plain(z.tuple([z.string(), z.string()]).parse(argument)[0]);
      case "Fn::Join":
        return z
          .tuple([z.literal(""), z.array(z.unknown())])
          .parse(argument)[1]
          .map((part) => this.readable(part))
          .join("");
      case "Fn::ImportValue": {
        const exported = Object.values(this.data.Outputs).find(
          ({ Export }) => Export?.Name === argument,
        );
        return this.readable(exported?.Value);
      }
      default:
        throw new Error(`${intrinsic} is not known here.`);
    }
  }
}

const manifestSchema = z.object({
  artifacts: z.record(
    z.string(),
    z.object({
      type: z.string(),
      properties: z.optional(
        z.object({
          stackName: z.optional(z.string()),
          terminationProtection: z.optional(z.boolean()),
        }),
      ),
    }),
  ),
});

const readProtectedStacks = (assembly: string): readonly string[] => {
  const manifest = JSON.parse(readFileSync(join(assembly, "manifest.json"), "utf8"));
  return Object.values(manifestSchema.parse(manifest).artifacts).flatMap(({ properties }) =>
    properties?.terminationProtection && properties.stackName ? [properties.stackName] : [],
  );
};

const synthesizedOnce = new Map<Stage, Promise<SynthesizedStage>>();

/** The stage's templates, around functions without content, held against all checks. */
export const synthesized = (stage: Stage): Promise<SynthesizedStage> => {
  const before = synthesizedOnce.get(stage);
  if (before) return before;
  const now = synthesizeAnew(stage);
  synthesizedOnce.set(stage, now);
  return now;
};

const synthesizeAnew = async (stage: Stage): Promise<SynthesizedStage> => {
  const folder = mkdtempSync(join(tmpdir(), "outlook-connect-"));
  try {
    const bundles = join(folder, "bundles");
    for (const name of functionNames) {
      mkdirSync(join(bundles, name), { recursive: true });
      writeFileSync(join(bundles, name, "index.cjs"), `exports.handler = () => "${name}";`);
    }
    const assembly = join(folder, "cdk.out");
    const { data, service } = await synthesize(stage, assembly, { bundles, checks: true });
    return new SynthesizedStage(data, service, readProtectedStacks(assembly));
  } finally {
    rmSync(folder, { recursive: true });
  }
};
