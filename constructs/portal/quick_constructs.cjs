// Makes cdktf ask, remember and work out less. Loaded by `node --require` before jsii starts (bindings.py puts it into
// NODE_OPTIONS). Three things:
//
// - cdktf keeps with each token the whole stack of calls that made it, for its error messages. Under Python these are
//   jsii's own calls, the same for all. Here it keeps none: less time, and less memory for as long as the app lives.
// - PortalStack answers in Python what address a construct has, two round trips between the processes for each element.
//   Here its answer is given in Node. What would be refused goes to Python, which says why.
// - Before it writes, cdktf works out every value once, only to find references from one stack to another. Here it does
//   not, and refuses such a reference where it meets one: no stack may need another to be deployed.
"use strict";

const Module = require("module");

const STACK_TRACE = /[\\/]cdktf[\\/]lib[\\/]tokens[\\/]private[\\/]stack-trace\.js$/;
const TERRAFORM_STACK = /[\\/]cdktf[\\/]lib[\\/]terraform-stack\.js$/;
const EXPRESSIONS = /[\\/]cdktf[\\/]lib[\\/]tfExpression\.js$/;

const extension = Module._extensions[".js"];

Module._extensions[".js"] = function (module, filename) {
  extension.call(this, module, filename);
  if (STACK_TRACE.test(filename)) module.exports.captureStackTrace = () => [];
  if (TERRAFORM_STACK.test(filename)) {
    answerAddresses(module.exports.TerraformStack.prototype);
    keepStacksApart(module.exports.TerraformStack.prototype);
  }
  if (EXPRESSIONS.test(filename)) lookForOtherStacks(Object.getPrototypeOf(module.exports.ref("")));
};

/** Answers for stacks whose addresses Python decides: jsii gives such an object an `allocateLogicalId` of its own. */
function answerAddresses(prototype) {
  const getLogicalId = prototype.getLogicalId;
  const known = new WeakMap();
  prototype.getLogicalId = function (element) {
    if (!Object.hasOwn(this, "allocateLogicalId")) return getLogicalId.call(this, element);
    const { path } = element.node ?? element;
    const id = logicalId(path);
    const owners = known.get(this) ?? known.set(this, new Map()).get(this);
    const owner = owners.get(id) ?? owners.set(id, { element, path }).get(id);
    if (owner.path === path) return id;
    // Python remembers what it was asked for: asked for both, it refuses the second.
    getLogicalId.call(this, owner.element);
    return getLogicalId.call(this, element);
  };
}

/** The same as `logical_id` in stacks/base.py; a test compares whole stacks. */
function logicalId(path) {
  return path.split("/").slice(1).filter((part) => part !== "Default").join("_");
}

function keepStacksApart(prototype) {
  prototype.prepareStack = function () {
    this.ensureBackendExists();
  };
  prototype.registerOutgoingCrossStackReference = function (identifier) {
    throw new Error(`Another stack refers to ${identifier} of ${this.node.path}. A stack must be deployable by itself.`);
  };
}

/** Makes each reference see to its stack when it is written, as cdktf does in the round before. */
function lookForOtherStacks(prototype) {
  const { resolve } = prototype;
  prototype.resolve = function (context) {
    context.preparing = true;
    return resolve.call(this, context);
  };
}
