"use strict";

const { ChannelManager, isWritable } = require("../dist/ssh2.cjs")[Symbol.for("nacre.ssh2.internal")].utils;

// Node reads the names for `import` from this line.
module.exports = { ChannelManager, isWritable };
