import type { BenchResult } from "../result.ts";
export const warmPlot = (_: BenchResult): string => "";
export const herdPlot = (_: BenchResult): string => "";
