import { readdir, readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import * as z from "zod/mini";
import { problemCodes } from "../shared/domain/problem.ts";
import { fail, succeed } from "../shared/domain/result.ts";
import { problemResponse } from "../shared/http/problem.ts";
import { microsoftFailure, microsoftFailureKinds, refreshedTokens } from "./fakes/samples.ts";
import { tokenFetchInMemory } from "./fakes/token-fetch-in-memory.ts";

/** The cells of each row below this head, up to the table's end. */
const tableOf = async (
  head: string,
  page = "README.md",
): Promise<readonly (readonly string[])[]> => {
  const text = await readFile(new URL(`../${page}`, import.meta.url), "utf8");
  const [, after, ...more] = text.split(`\n${head}\n`);
  if (after === undefined || more.length > 0) throw new Error(`there is not one table ${head}`);
  const [table = ""] = after.split("\n\n");
  return table
    .split("\n")
    .slice(1)
    .map((row) => row.split("|").map((cell) => cell.trim()))
    .map((cells) => cells.slice(1, -1));
};

/** What stands between backticks in a cell. */
const named = (cell = ""): readonly string[] =>
  [...cell.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name);

it("lists every code of the HTTP API once, with its status and who may have to act", async () => {
  const rows = await tableOf(
    "| code | status | who must act | what happened, and what a page does |",
  );

  const listed = rows.map(([code, status]) => ({ code: named(code).join(), status }));
  const answered = problemCodes.map((code) => {
    const { statusCode } = problemResponse({ code, actor: "user", message: "" });
    return { code, status: String(statusCode) };
  });
  expect(new Set(listed)).toEqual(new Set(answered));
  expect(listed).toHaveLength(answered.length);
  for (const [, , actors = ""] of rows) {
    expect(["user", "tenant_admin", "operator", "nobody"]).toEqual(
      expect.arrayContaining(actors.split(", ")),
    );
  }
});

/** What Microsoft may make of a refresh: every class of refusal, and fewer permissions than were asked for. */
const refreshes = [
  ...microsoftFailureKinds.map((kind) => fail(microsoftFailure(kind))),
  succeed({ ...refreshedTokens, scopes: ["User.Read"] }),
];

/** How a connection stands after two refreshes, `status code`, whatever came of each. */
const standingsAfterRefreshes = async (): Promise<ReadonlySet<string>> => {
  const seen = new Set<string>();
  for (const first of refreshes) {
    for (const second of refreshes) {
      let answer = first;
      const rig = tokenFetchInMemory({ refresh: async () => answer });
      await rig.connect({ expiresInSeconds: -1 });
      for (answer of [first, second]) {
        await rig.environment().fetch();
        const stored = await rig.stored();
        seen.add(`${stored?.status} ${stored?.problem?.code ?? "none"}`);
        rig.clock.pass(24 * 3600);
      }
    }
  }
  return seen;
};

it("lists every status of a connection, with the codes that can stand beside it", async () => {
  const rows = await tableOf("| status | `problem.code` | what a page shows |");

  const listed = rows.flatMap(([status, codes]) => {
    const beside = codes?.startsWith("none") ? ["none", ...named(codes)] : named(codes);
    return beside.map((code) => `${named(status).join()} ${code}`);
  });
  expect(new Set(listed)).toEqual(await standingsAfterRefreshes());
});

const schema = z.looseObject({ shape: z.record(z.string(), z.unknown()) });

it("lists every setting that a function reads, and no other", async () => {
  const rows = await tableOf("| variable | who reads it | what it is |", "docs/deploy.md");

  const read = new Set<string>();
  for (const name of await readdir(new URL("../functions/", import.meta.url))) {
    const module: Record<string, unknown> = await import(`../functions/${name}/env.ts`);
    for (const exported of Object.values(module)) {
      for (const key of Object.keys(schema.parse(exported).shape)) read.add(key);
    }
  }
  const listed = rows.flatMap(([variables]) => named(variables));
  expect(listed.toSorted()).toEqual([...read].toSorted());
});
