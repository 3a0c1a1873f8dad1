// Runs jsii's kernel in the Node process that Python starts. Loaded by `node --require` before jsii starts (bindings.py
// puts it into NODE_OPTIONS).
//
// That process only starts a second one and hands on what Python asks and the other answers: two more switches between
// processes for each question, and 50 MiB. Here the kernel takes its place, reads the questions from standard input and
// answers on standard output. What code prints goes the way that Python expects, as JSON on standard error.
"use strict";

const fs = require("fs");
const Module = require("module");
const path = require("path");

const STARTER = /[\\/]bin[\\/]jsii-runtime\.js$/;
const CHANNEL = "readFD:3,writeFD:3";
const STANDARD_STREAMS = "readFD:0,writeFD:1";

const extension = Module._extensions[".js"];

Module._extensions[".js"] = function (module, filename) {
  if (!STARTER.test(filename)) return extension.call(this, module, filename);
  const kernel = path.resolve(path.dirname(filename), "..", "lib", "program.js");
  const source = fs.readFileSync(kernel, "utf8");
  // Another jsii than the one that is pinned may speak otherwise: then two processes it is.
  if (!source.includes(CHANNEL)) return extension.call(this, module, filename);
  // The kernel looks here, not among the options of the environment, whether it may link packages or has to copy them.
  process.execArgv.push("--preserve-symlinks");
  for (const name of ["stdout", "stderr"]) process[name].write = (chunk, encoding) => report(name, chunk, encoding);
  module._compile(source.replace(CHANNEL, STANDARD_STREAMS), kernel);
};

function report(name, chunk, encoding) {
  const line = JSON.stringify({ [name]: Buffer.from(chunk, encoding).toString("base64") });
  fs.writeSync(process.stderr.fd, `${line}\n`);
  return true;
}
