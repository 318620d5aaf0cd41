"use strict";

const { generateKeyPair, generateKeyPairSync } = require("../dist/ssh2.cjs")[Symbol.for("nacre.ssh2.internal")].keygen;

// Node reads the names for `import` from this line.
module.exports = { generateKeyPair, generateKeyPairSync };
