import * as z from "zod/mini";
import type { SynthesizedStage } from "./synthesized.ts";

const comparison = /\$\.(\w+) (=|!=) "([^"]*)"/g;
const absence = /\$\.(\w+) NOT EXISTS/g;
const innermost = /\(([^()]*)\)/;

const decided = (text: string): string => {
  const parts = text.split(/&&|\|\|/).map((part) => part.trim() === "true");
  const isTrue = text.includes("||") ? parts.some(Boolean) : parts.every(Boolean);
  return String(isTrue);
};

/**
 * Whether CloudWatch would count a line, as far as our patterns go.
 *
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
 */
const isCounted = (pattern: string, line: Readonly<Record<string, unknown>>): boolean => {
  let text = pattern
    .slice(1, -1)
    .replaceAll(comparison, (_, field, operator, value) => {
      const isThere = field in line;
      const isEqual = isThere && (value === "*" || String(line[field]) === value);
      return String(operator === "=" ? isEqual : isThere && !isEqual);
    })
    .replaceAll(absence, (_, field) => String(!(field in line)));
  while (innermost.test(text)) text = text.replace(innermost, (_, inner) => decided(inner));
  return decided(text) === "true";
};

const transformation = z.tuple([z.object({ MetricName: z.string() })]);

/** How many of these lines each metric of a stage would count. */
export const countedAs = (
  stage: SynthesizedStage,
  lines: readonly string[],
  isMeant: (metric: string) => boolean,
): Readonly<Record<string, number>> => {
  const read = lines.map((line) => JSON.parse(line));
  const filters = stage
    .resources("AWS::Logs::MetricFilter")
    .map(({ Properties }) => ({
      name: transformation.parse(Properties.MetricTransformations)[0].MetricName,
      pattern: String(Properties.FilterPattern),
    }))
    .filter(({ name }) => isMeant(name));
  return Object.fromEntries(
    filters.map(({ name, pattern }) => [
      name,
      read.filter((line) => isCounted(pattern, line)).length,
    ]),
  );
};
