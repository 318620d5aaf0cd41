"use strict";

module.exports = require("../dist/ssh2.cjs")[Symbol.for("nacre.ssh2.internal")].server;
