// Wraps a bundle as Node.js wraps a CommonJS module, compiles it whole without running it, and writes what V8 made of
// it. Arguments: the bundle, the file for the wrapped one, the file for V8's code.
const { readFileSync, writeFileSync } = require("node:fs");
const { Script } = require("node:vm");
const { setFlagsFromString } = require("node:v8");

const [, , bundle, wrapped, cache] = process.argv;
const source = `(function (exports, require, module, __filename, __dirname) {${readFileSync(bundle, "latin1")}\n})`;
writeFileSync(wrapped, source, "latin1");

// Every function, not only what loading calls: a first invocation runs most of them.
setFlagsFromString("--no-lazy");
const script = new Script(source, { filename: "bundle" });
// V8 takes a cache only with the flags that it was made with, so they are what they are in the runtime. The seeds were
// given by the command line, that the same bundle gives the same bytes.
for (const flag of ["--lazy", "--hash-seed=0", "--random-seed=0"]) setFlagsFromString(flag);
writeFileSync(cache, script.createCachedData());
