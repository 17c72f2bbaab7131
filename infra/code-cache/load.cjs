// Stands in the place of a bundle and runs it, the file beside it that ends in `.bundle.js`, with the code that V8 made
// of it when it was built. Where there is no such code, or V8 refuses it, the bundle is compiled as ever.
const { readFileSync } = require("node:fs");
const { dirname } = require("node:path");
const { Script } = require("node:vm");

const bundle = __filename.replace(/cjs$/, "bundle.js");
const [v8] = process.versions.v8.split("-");

/** A cache is for one version of V8 and one architecture. */
const readCache = () => {
  try {
    return readFileSync(`${bundle}.${process.arch}-${v8}`);
  } catch {
    return undefined;
  }
};

// The bundle is a function already, wrapped as Node.js wraps a CommonJS module, and plain ASCII.
const source = readFileSync(bundle, "latin1");
const script = new Script(source, {
  filename: bundle,
  columnOffset: -(source.indexOf("{") + 1),
  cachedData: readCache(),
});
if (script.cachedDataRejected) {
  // By `console.log` it would be the text of a line of Lambda's, and not be found by its fields.
  const line = {
    level: "WARN",
    message: "V8 refuses the code cache",
    timestamp: new Date().toISOString(),
    failure: "code_cache_refused",
  };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
script.runInThisContext()(exports, require, module, bundle, dirname(bundle));
