"use strict";

module.exports = require("../dist/ssh2.cjs");
