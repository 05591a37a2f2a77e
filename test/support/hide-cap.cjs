/** Loaded before a program (node --require): npm's cap cannot be loaded in it, nor in what it starts. */
const Module = require('node:module');

const resolve = Module._resolveFilename;
Module._resolveFilename = (name, ...rest) =>
  resolve(name === 'cap' ? 'cap-that-is-not-there' : name, ...rest);
