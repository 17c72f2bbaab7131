import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";

const parts = join(import.meta.dirname, "..", "..", "infra", "code-cache");
const [v8] = process.versions.v8.split("-");
const cacheName = `index.bundle.js.${process.arch}-${v8}`;

const bundle = `"use strict";
exports.answer = () => 42;
exports.where = () => new Error("here").stack;
exports.neighbour = () => require("./neighbour.cjs");`;

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "code-cache-"));
  writeFileSync(join(folder, "bundle.js"), bundle);
  writeFileSync(join(folder, "neighbour.cjs"), 'module.exports = "beside it";');
  copyFileSync(join(parts, "load.cjs"), join(folder, "index.cjs"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const writeCache = (name = cacheName) => {
  execFileSync(process.execPath, [
    ...["--hash-seed=1", "--random-seed=1", join(parts, "write.cjs")],
    ...["bundle.js", "index.bundle.js", name].map((file) => join(folder, file)),
  ]);
  return readFileSync(join(folder, name));
};

/** What a process prints that loads the bundle with the flags of the runtime and evaluates an expression of `b`. */
const evaluated = (expression: string, flags: readonly string[] = []) =>
  execFileSync(
    process.execPath,
    [...flags, "-e", `const b = require("./index.cjs"); console.log(${expression});`],
    { cwd: folder, encoding: "utf8" },
  );

it("is the same bytes for the same bundle", () => {
  expect(writeCache("once")).toEqual(writeCache("again"));
});

it.for([
  ["without flags", []],
  [
    "with the limits of memory that Lambda gives",
    ["--max-old-space-size=230", "--max-semi-space-size=16"],
  ],
] as const)("is taken by V8 %s", ([, flags]) => {
  writeCache();

  // V8's refusal would stand before it.
  expect(evaluated("b.answer()", flags)).toBe("42\n");
});

it("leaves a bundle the exports, the neighbours and the places in its stack that it has without", () => {
  writeCache();

  expect(evaluated("b.neighbour()")).toBe("beside it\n");
  expect(evaluated("b.where()")).toMatch(/index\.bundle\.js:3:\d+/);
});

it("may be missing: the bundle is compiled as ever", () => {
  writeCache("of another machine");

  expect(evaluated("b.answer()")).toBe("42\n");
});

it.for([
  ["of another bundle", () => writeCache().subarray(0, -200)],
  ["that is no cache", () => Buffer.from("x".repeat(writeCache().length))],
] as const)(
  "%s is refused, which one line in the log says, and the bundle is compiled as ever",
  ([, cache]) => {
    writeFileSync(join(folder, cacheName), cache());

    const [line = "", answer] = evaluated("b.answer()").split("\n");

    expect(JSON.parse(line)).toMatchObject({ level: "WARN", failure: "code_cache_refused" });
    expect(answer).toBe("42");
  },
);
