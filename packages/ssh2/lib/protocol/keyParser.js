"use strict";

const { isParsedKey, parseKey } = require("../../dist/ssh2.cjs")[Symbol.for("nacre.ssh2.internal")].keyParser;

// Node reads the names for `import` from this line.
module.exports = { isParsedKey, parseKey };
