// Compiles a bundle whole, without running it, and writes what V8 made of it. Arguments: the bundle, the file to write.
const { readFileSync, writeFileSync } = require("node:fs");
const { Script } = require("node:vm");
const { setFlagsFromString } = require("node:v8");

const [, , bundle, cache] = process.argv;

// Every function, not only what loading calls: a first invocation runs most of them.
setFlagsFromString("--no-lazy");
const script = new Script(
  `(function (exports, require, module, __filename, __dirname) {${readFileSync(bundle, "utf8")}\n})`,
  { filename: "bundle" },
);
// V8 takes a cache only with the flags that it was made with, so they are what they are in the runtime. The seeds were
// given by the command line, that the same bundle gives the same bytes.
for (const flag of ["--lazy", "--hash-seed=0", "--random-seed=0"]) setFlagsFromString(flag);
writeFileSync(cache, script.createCachedData());
