import { fileURLToPath } from "node:url";
import axe from "axe-core/axe.min.js";
import type { Page } from "playwright-core";
import * as z from "zod/mini";
import { takesPictures } from "./chromium.ts";

const pictures = fileURLToPath(new URL("../screenshots/", import.meta.url));

/** Of axe's answer, what a person needs to find the fault. */
const found = z.object({
  violations: z.array(
    z.object({
      id: z.string(),
      impact: z.nullable(z.string()),
      help: z.string(),
      nodes: z.array(z.object({ html: z.string(), failureSummary: z.optional(z.string()) })),
    }),
  ),
});

/** A fault that keeps somebody out, and where it was seen. */
export interface Barrier {
  readonly page: string;
  readonly rule: string;
  readonly help: string;
  readonly where: readonly string[];
}

/** The whole page, into `test/screenshots/`; none in CI. */
export const takePicture = async (page: Page, name: string): Promise<void> => {
  if (takesPictures) await page.screenshot({ path: `${pictures}${name}.png`, fullPage: true });
};

/** Not as a script element: the pages' own policy would not let it run. */
export const putAxeInto = (page: Page): Promise<void> => page.evaluate(axe.source);

/** What axe-core finds serious or critical on a page that axe-core was put into. */
export const findBarriers = async (page: Page, name: string): Promise<readonly Barrier[]> => {
  const { violations } = found.parse(
    await page.evaluate("axe.run({ resultTypes: ['violations'] })"),
  );
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, help, nodes }) => ({
      page: name,
      rule: id,
      help,
      where: nodes.map(({ html, failureSummary }) => `${html} ${failureSummary ?? ""}`),
    }));
};

const wide = { width: 1280, height: 800 };
const narrow = { width: 390, height: 844 };

/** Colours depend on the scheme and what is beside what on the width, so two of the four are enough for axe. */
const looks = [
  { scheme: "light", size: wide, axe: true },
  { scheme: "dark", size: wide, axe: false },
  { scheme: "light", size: narrow, axe: false },
  { scheme: "dark", size: narrow, axe: true },
] as const;

/**
 * Looks for what keeps people out of a page: axe-core, serious and critical. Takes pictures of it in light and dark,
 * wide and narrow.
 */
export const inspectPage = async (page: Page, name: string): Promise<readonly Barrier[]> => {
  const before = page.viewportSize();
  const barriers: Barrier[] = [];
  await putAxeInto(page);
  for (const look of looks) {
    if (!look.axe && !takesPictures) continue;
    await page.emulateMedia({ colorScheme: look.scheme, reducedMotion: "reduce" });
    await page.setViewportSize(look.size);
    await takePicture(page, `${name}-${look.scheme}-${look.size.width}`);
    if (look.axe) barriers.push(...(await findBarriers(page, `${name}, ${look.scheme}`)));
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize(before ?? wide);
  return barriers;
};
