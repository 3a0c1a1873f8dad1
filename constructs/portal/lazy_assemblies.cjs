// Makes the provider packages' index files load each resource at its first use.
//
// `lib/index.js` of a prebuilt provider is some 1,600 lines of `exports.x = require("./x")`; running them costs
// seconds and hundreds of megabytes, and one environment uses a few dozen of them. Loaded by `node --require`
// before jsii starts (bindings.py puts it into NODE_OPTIONS).
"use strict";

const Module = require("module");

const PROVIDER_INDEX = /[\\/]@cdktf[\\/]provider-[^\\/]+[\\/]lib[\\/]index\.js$/;
const load = Module._load;

Module._load = function (request, parent, isMain) {
  const eager = () => load.call(this, request, parent, isMain);
  const isResource = request.startsWith("./") && parent && PROVIDER_INDEX.test(parent.filename || "");
  return isResource ? deferred(eager) : eager();
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
