import type { ColdResult } from "./parts/cold.ts";
import type { GrowthResult } from "./parts/growth.ts";
import type { HerdResult } from "./parts/herd.ts";
import type { WarmResult } from "./parts/warm.ts";

/** Every figure of one run; a part is absent that was not asked for. */
export interface BenchResult {
  /** ISO 8601. */
  readonly date: string;
  readonly quick: boolean;
  readonly seconds: number;
  readonly machine: { readonly processors: number; readonly model: string };
  readonly versions: Readonly<Record<string, string>>;
  /** Of token-fetch. */
  readonly bundleBytes: Readonly<Record<string, number>>;
  /** Names of the packages in the one file of token-fetch that a hit evaluates. */
  readonly hitPackages: readonly string[];
  readonly cold?: ColdResult;
  readonly warm?: WarmResult;
  readonly herd?: HerdResult;
  readonly growth?: GrowthResult;
}
