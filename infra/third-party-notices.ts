import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Metafile } from "esbuild";
import * as z from "zod/mini";

const projectFolder = join(import.meta.dirname, "..");

/** Lies beside the bundles, since the licences want it with every copy. Nothing loads it. */
export const noticesFile = "THIRD-PARTY-NOTICES.txt";

const packageFile = z.object({
  name: z.string(),
  version: z.string(),
  license: z.string(),
  author: z.optional(
    z.union([z.string(), z.object({ name: z.string(), url: z.optional(z.string()) })]),
  ),
});

/** Where the packages of a file lie, nested copies included, such as `node_modules/a/node_modules/b`. */
export const packageFoldersIn = (
  inputs: Metafile["outputs"][string]["inputs"],
): readonly string[] => {
  const folders = Object.entries(inputs)
    .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
    .map(([path]) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path)?.[0]);
  return [...new Set(folders.filter((folder) => folder !== undefined))].toSorted();
};

const read = (folder: string, file: string): string =>
  readFileSync(join(projectFolder, folder, file), "utf8");

const textsIn = (folder: string): readonly string[] =>
  readdirSync(join(projectFolder, folder))
    .filter((file) =>
      /^[\w-]*(?:licen[cs]e|notice|copying|copyright)[\w-]*(?:\.(?:md|txt))?$/i.test(file),
    )
    .toSorted()
    .map((file) => read(folder, file).replaceAll("\r\n", "\n").trim());

/** What is said of a package that brings no text of its licence. */
const authorOf = ({ author }: z.infer<typeof packageFile>): string => {
  if (author === undefined) return "Its author is not named.";
  if (typeof author === "string") return `Author: ${author}`;
  return `Author: ${author.name}${author.url ? ` (${author.url})` : ""}`;
};

const noticeOf = (folder: string) => {
  const described = packageFile.parse(JSON.parse(read(folder, "package.json")));
  const texts = textsIn(folder);
  return {
    heading: `${described.name} ${described.version} (${described.license})`,
    text: texts.length > 0 ? texts.join("\n\n") : authorOf(described),
  };
};

const rule = "-".repeat(80);

/** Name, version and licence of each package in a function's bundles; those with the same text share it. */
export const thirdPartyNotices = ({ outputs }: Metafile): string => {
  const folders = Object.values(outputs).flatMap(({ inputs }) => packageFoldersIn(inputs));
  const notices = [...new Set(folders)].map(noticeOf);
  const byText = Map.groupBy(notices, ({ text }) => text);
  const sections = [...byText].map(([text, sharing]) => {
    const headings = [...new Set(sharing.map(({ heading }) => heading))].toSorted();
    return `${rule}\n${headings.join("\n")}\n\n${text}\n`;
  });
  return ["The code beside this file holds code of these packages.\n", ...sections.toSorted()].join(
    "\n",
  );
};
