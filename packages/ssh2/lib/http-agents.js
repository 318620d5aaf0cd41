"use strict";

const { SSHTTPAgent, SSHTTPSAgent } = require("../dist/ssh2.cjs")[Symbol.for("nacre.ssh2.internal")].httpAgents;

// Node reads the names for `import` from this line.
module.exports = { SSHTTPAgent, SSHTTPSAgent };
