import * as z from "zod/mini";

const templateSchema = z.object({
  Resources: z.record(
    z.string(),
    z.object({ Type: z.string(), Properties: z._default(z.record(z.string(), z.unknown()), {}) }),
  ),
  Outputs: z._default(
    z.record(
      z.string(),
      z.object({ Value: z.unknown(), Export: z.optional(z.object({ Name: z.unknown() })) }),
    ),
    {},
  ),
  Parameters: z._default(z.record(z.string(), z.object({ Default: z.optional(z.unknown()) })), {}),
});
type Template = z.infer<typeof templateSchema>;

/** Where a value stands: the first part is the stack. Errors name it. */
type Path = readonly [stack: string, ...rest: string[]];

export interface Resource {
  readonly logicalId: string;
  readonly path: Path;
  readonly type: string;
  /** As they stand in the template. */
  readonly properties: Readonly<Record<string, unknown>>;
}

/** What only a running stack knows. */
export interface RuntimeValues {
  /** What `ApiEndpoint` of the HTTP API is: an origin. */
  readonly apiEndpoint?: string;
  /** ARNs of secrets by name. */
  readonly secretArns?: Readonly<Record<string, string>>;
}

export const localRegion = "us-east-1";
export const localAccountId = "123456789012";
export const localApiId = "local";

const pseudoParameters: Readonly<Record<string, string | undefined>> = {
  "AWS::AccountId": localAccountId,
  "AWS::Partition": "aws",
  "AWS::Region": localRegion,
  "AWS::URLSuffix": "amazonaws.com",
};

export const localArn = (service: string, resource: string): string =>
  `arn:aws:${service}:${localRegion}:${localAccountId}:${resource}`;

/** IAM is in no Region. */
export const localIamArn = (resource: string): string =>
  `arn:aws:iam::${localAccountId}:${resource}`;

const getAtt = z.union([
  z.tuple([z.string(), z.string()]),
  z.pipe(
    z.string(),
    z.transform((text): [string, string] => {
      const dot = text.indexOf(".");
      return [text.slice(0, dot), text.slice(dot + 1)];
    }),
  ),
]);

/**
 * The values of synthesized CloudFormation templates, as they are on this machine. Whatever is not known here is an
 * error that says where it stands, never a guess.
 */
export class TemplateValues {
  readonly #stacks: ReadonlyMap<string, Template>;
  readonly #runtime: RuntimeValues;

  /** @param stacks templates as parsed JSON, by stack name */
  constructor(stacks: Readonly<Record<string, unknown>>, runtime: RuntimeValues = {}) {
    this.#stacks = new Map(
      Object.entries(stacks).map(([name, template]) => [name, templateSchema.parse(template)]),
    );
    this.#runtime = runtime;
  }

  resourcesOf(...types: readonly string[]): readonly Resource[] {
    return [...this.#stacks].flatMap(([stack, { Resources }]) =>
      Object.entries(Resources)
        .filter(([, { Type }]) => types.includes(Type))
        .map(([logicalId, { Type, Properties }]) => ({
          logicalId,
          path: [stack, "Resources", logicalId, "Properties"] as const,
          type: Type,
          properties: Properties,
        })),
    );
  }

  /** Properties of a resource with all functions replaced by values; only those named, or all. */
  read(resource: Resource, ...names: readonly string[]): Record<string, unknown> {
    const wanted = names.length > 0 ? names : Object.keys(resource.properties);
    return Object.fromEntries(
      wanted
        .map(
          (name) =>
            [name, this.#resolve(resource.properties[name], [...resource.path, name])] as const,
        )
        .filter(([, value]) => value !== undefined),
    );
  }

  /** The name AWS would know it by; without one in the template, its logical id. */
  nameOf(resource: Resource, property: string): string {
    const name = this.#resolve(resource.properties[property], [...resource.path, property]);
    return z.optional(z.string()).parse(name) ?? resource.logicalId;
  }

  #resolve(value: unknown, path: Path): unknown {
    if (Array.isArray(value)) {
      return value
        .map((item, index) => this.#resolve(item, [...path, String(index)]))
        .filter((item) => item !== undefined);
    }
    if (typeof value !== "object" || value === null) return value;

    const entries = Object.entries(value);
    const [only] = entries;
    if (only && entries.length === 1 && (only[0] === "Ref" || only[0].startsWith("Fn::"))) {
      return this.#call(only[0], only[1], [...path, only[0]]);
    }
    return Object.fromEntries(
      entries
        .map(([key, item]) => [key, this.#resolve(item, [...path, key])] as const)
        .filter(([, item]) => item !== undefined),
    );
  }

  #call(name: string, argument: unknown, path: Path): unknown {
    const read = <Schema extends z.ZodMiniType>(schema: Schema, from: unknown) =>
      parsed(schema, from, path);
    const resolved = () => this.#resolve(argument, path);
    switch (name) {
      case "Ref":
        return this.#ref(read(z.string(), argument), path);
      case "Fn::GetAtt":
        return this.#attribute(...read(getAtt, argument), path);
      case "Fn::ImportValue":
        return this.#import(read(z.string(), resolved()), path);
      case "Fn::Join": {
        const [separator, parts] = read(z.tuple([z.string(), z.array(text)]), resolved());
        return parts.join(separator);
      }
      case "Fn::Split": {
        const [separator, whole] = read(z.tuple([z.string(), z.string()]), resolved());
        return whole.split(separator);
      }
      case "Fn::Select": {
        const [index, list] = read(z.tuple([z.coerce.number(), z.array(z.unknown())]), resolved());
        return list[index] ?? unknownHere(path, `there is no item ${index}`);
      }
      case "Fn::Sub":
        return this.#substitute(argument, path);
      default:
        return unknownHere(path, `the function ${name}`);
    }
  }

  #substitute(argument: unknown, path: Path): string {
    const [pattern, variables] = parsed(
      z.union([
        z.tuple([z.string(), z.record(z.string(), z.unknown())]),
        z.pipe(
          z.string(),
          z.transform((only): [string, Record<string, unknown>] => [only, {}]),
        ),
      ]),
      argument,
      path,
    );
    return pattern.replaceAll(/\$\{(!?)([^}]+)\}/g, (_, literal: string, name: string) => {
      if (literal !== "") return `\${${name}}`;
      const value =
        name in variables
          ? this.#resolve(variables[name], [...path, name])
          : name.includes(".")
            ? this.#attribute(...getAtt.parse(name), path)
            : this.#ref(name, path);
      return parsed(text, value, path);
    });
  }

  #ref(logicalId: string, path: Path): unknown {
    if (logicalId === "AWS::NoValue") return undefined;
    if (logicalId === "AWS::StackName") return path[0];
    const pseudo = pseudoParameters[logicalId];
    if (pseudo !== undefined) return pseudo;

    const parameter = this.#stacks.get(path[0])?.Parameters[logicalId];
    if (parameter?.Default !== undefined) return parameter.Default;

    const resource = this.#resource(logicalId, path);
    switch (resource.type) {
      case "AWS::DynamoDB::GlobalTable":
      case "AWS::DynamoDB::Table":
        return this.nameOf(resource, "TableName");
      case "AWS::SecretsManager::Secret":
        return this.#secretArn(resource, path);
      case "AWS::Lambda::Function":
        return this.nameOf(resource, "FunctionName");
      case "AWS::Lambda::Alias": {
        const { FunctionName, Name } = this.read(resource, "FunctionName", "Name");
        return localArn("lambda", `function:${FunctionName}:${Name}`);
      }
      case "AWS::ApiGatewayV2::Api":
        return localApiId;
      case "AWS::IAM::ManagedPolicy":
        return localIamArn(`policy/${this.nameOf(resource, "ManagedPolicyName")}`);
      case "AWS::IAM::Role":
        return this.nameOf(resource, "RoleName");
      case "AWS::KMS::Alias":
        return this.nameOf(resource, "AliasName");
      case "AWS::Logs::LogGroup":
        return this.nameOf(resource, "LogGroupName");
      case "AWS::ApiGatewayV2::Authorizer":
      case "AWS::ApiGatewayV2::Integration":
      case "AWS::KMS::Key":
        return logicalId;
      default:
        return unknownHere(path, `Ref of ${logicalId}, a ${resource.type}`);
    }
  }

  #attribute(logicalId: string, attribute: string, path: Path): unknown {
    const resource = this.#resource(logicalId, path);
    switch (`${resource.type} ${attribute}`) {
      case "AWS::DynamoDB::GlobalTable Arn":
      case "AWS::DynamoDB::Table Arn":
        return localArn("dynamodb", `table/${this.nameOf(resource, "TableName")}`);
      case "AWS::SecretsManager::Secret Id":
        return this.#secretArn(resource, path);
      case "AWS::Lambda::Function Arn":
        return localArn("lambda", `function:${this.nameOf(resource, "FunctionName")}`);
      case "AWS::ApiGatewayV2::Api ApiId":
        return localApiId;
      case "AWS::ApiGatewayV2::Api ApiEndpoint":
        return this.#runtime.apiEndpoint ?? unknownHere(path, "the API's endpoint");
      case "AWS::KMS::Key Arn":
        return localArn("kms", `key/${logicalId}`);
      case "AWS::IAM::Role Arn":
        return localIamArn(`role/${this.nameOf(resource, "RoleName")}`);
      case "AWS::Logs::LogGroup Arn":
        return localArn("logs", `log-group:${this.nameOf(resource, "LogGroupName")}:*`);
      default:
        return unknownHere(path, `${attribute} of ${logicalId}, a ${resource.type}`);
    }
  }

  #secretArn(resource: Resource, path: Path): string {
    const name = this.nameOf(resource, "Name");
    return this.#runtime.secretArns?.[name] ?? unknownHere(path, `the ARN of the secret ${name}`);
  }

  #resource(logicalId: string, path: Path): Resource {
    const [stack] = path;
    const found = this.#stacks.get(stack)?.Resources[logicalId];
    if (found === undefined) return unknownHere(path, `the resource ${logicalId}`);
    return {
      logicalId,
      path: [stack, "Resources", logicalId, "Properties"],
      type: found.Type,
      properties: found.Properties,
    };
  }

  #import(name: string, path: Path): unknown {
    for (const [stack, { Outputs }] of this.#stacks) {
      for (const [logicalId, { Value, Export }] of Object.entries(Outputs)) {
        const outputPath = [stack, "Outputs", logicalId] as const;
        if (Export && this.#resolve(Export.Name, [...outputPath, "Export"]) === name) {
          return this.#resolve(Value, outputPath);
        }
      }
    }
    return unknownHere(path, `the export ${name}`);
  }
}

const text = z.pipe(
  z.union([z.string(), z.number(), z.boolean()]),
  z.transform((value) => String(value)),
);

const unknownHere = (path: Path, what: string): never => {
  throw new Error(`${path.join(".")}: ${what} is not known on this machine`);
};

const parsed = <Schema extends z.ZodMiniType>(
  schema: Schema,
  value: unknown,
  path: Path,
): z.output<Schema> => {
  const read = schema.safeParse(value);
  if (read.success) return read.data;
  throw new Error(`${path.join(".")}: ${z.prettifyError(read.error)}`);
};
