import { afterEach, beforeEach, vi } from "vitest";

/** Keeps what the tests of a file log off the screen, and shows it to them. */
export const captureLog = (): { readonly lines: () => readonly string[] } => {
  let written: string[] = [];
  beforeEach(() => {
    written = [];
    // Lambda's runtime takes lines from these streams.
    for (const stream of [process.stdout, process.stderr]) {
      vi.spyOn(stream, "write").mockImplementation((chunk) => {
        written.push(String(chunk));
        return true;
      });
    }
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });
  return { lines: () => written };
};
