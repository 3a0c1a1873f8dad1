// Makes a provider package cost, in the Node process behind jsii, what one uses of it. Loaded by `node --require`
// before jsii starts (bindings.py puts it into NODE_OPTIONS). Two things, each harmless where nothing matches:
//
// - `lib/index.js` of a prebuilt provider is some 1,600 lines of `exports.x = require("./x")`; running them costs seconds
//   and hundreds of megabytes, and one environment uses a few dozen of them. Here each loads at its first use.
// - jsii holds each package's type definitions in memory, 90 MB for three clouds, to read a few hundred slices of them.
//   Here it gets an object that reads a slice from the file when it is asked for one.
"use strict";

const fs = require("fs");
const Module = require("module");

const PROVIDER_INDEX = /[\\/]@cdktf[\\/]provider-[^\\/]+[\\/]lib[\\/]index\.js$/;
const TYPE_DEFINITIONS = /\.jsii\.runtime-defs\.v1\.jsonl$/;

const load = Module._load;
const readFileSync = fs.readFileSync;

Module._load = function (request, parent, isMain) {
  const eager = () => load.call(this, request, parent, isMain);
  const isResource = request.startsWith("./") && parent && PROVIDER_INDEX.test(parent.filename || "");
  return isResource ? deferred(eager) : eager();
};

fs.readFileSync = function (file, options) {
  const sliced = options === undefined && typeof file === "string" && TYPE_DEFINITIONS.test(file);
  return sliced ? new Slices(file) : readFileSync.call(this, file, options);
};

/** Stands for a module until one of its exports is asked for. */
function deferred(loadModule) {
  let exports;
  const real = () => (exports ??= loadModule());
  return new Proxy(
    {},
    {
      get: (_, key) => real()[key],
      has: (_, key) => key in real(),
      ownKeys: () => Reflect.ownKeys(real()),
      // A proxy may not report a property as fixed that its own target lacks.
      getOwnPropertyDescriptor: (_, key) => {
        const found = Reflect.getOwnPropertyDescriptor(real(), key);
        return found && { ...found, configurable: true };
      },
    },
  );
}

/** Answers `toString(encoding, start, end)` like the Buffer of a whole file. The file stays open as long as Node runs. */
class Slices {
  constructor(file) {
    this.descriptor = fs.openSync(file, "r");
  }

  toString(encoding, start = 0, end = fs.fstatSync(this.descriptor).size) {
    const slice = Buffer.allocUnsafe(end - start);
    fs.readSync(this.descriptor, slice, 0, slice.length, start);
    return slice.toString(encoding);
  }
}
