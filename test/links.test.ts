import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";

const projectFolder = join(import.meta.dirname, "..");

const pages = [
  "README.md",
  ...readdirSync(join(projectFolder, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => join("docs", name)),
];

const textOf = (page: string) => readFileSync(join(projectFolder, page), "utf8");

/** As GitHub makes them of headings. */
const anchorsIn = (page: string): readonly string[] =>
  [...textOf(page).matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );

const linksIn = (page: string): readonly string[] =>
  [...textOf(page).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = ""]) => target)
    .filter((target) => !target.startsWith("https://"));

it.for(pages)("each link of %s within the project leads to what is there", (page) => {
  const broken = linksIn(page).filter((link) => {
    const [path = "", anchor] = link.split("#");
    const target = path === "" ? page : join(dirname(page), path);
    if (!existsSync(join(projectFolder, target))) return true;
    return anchor !== undefined && !anchorsIn(target).includes(anchor);
  });

  expect(linksIn(page).length).toBeGreaterThan(0);
  expect(broken).toEqual([]);
});
