import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { FunctionConfiguration } from "../../../../infra/local/gateway/execution-environment.ts";

/** Writes each bundle into a folder of its own below `folder`, as the build does, and describes it. */
export const fixtureFunctions = (
  folder: string,
  bundles: Readonly<Record<string, string>>,
  special: Partial<FunctionConfiguration> = {},
): Promise<FunctionConfiguration[]> =>
  Promise.all(
    Object.entries(bundles).map(async ([name, code]) => {
      const codeFolder = join(folder, name);
      await mkdir(codeFolder, { recursive: true });
      await writeFile(join(codeFolder, "index.cjs"), code);
      return {
        name,
        arn: `arn:aws:lambda:us-east-1:123456789012:function:${name}`,
        codeFolder,
        handler: "index.handler",
        environment: {},
        timeoutSeconds: 5,
        memoryMegabytes: 256,
        logFormat: "Text" as const,
        ...special,
      };
    }),
  );
