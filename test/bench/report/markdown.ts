import type { BenchResult } from "../result.ts";
export const markdown = (result: BenchResult): string => JSON.stringify(result.cold?.rows, null, 1);
