"use strict";

const { OPEN_MODE, SFTP, STATUS_CODE, Stats, flagsToString, stringToFlags } =
  require("../../dist/ssh2.cjs")[Symbol.for("nacre.ssh2.internal")].sftp;

// Node reads the names for `import` from this line.
module.exports = { OPEN_MODE, SFTP, STATUS_CODE, Stats, flagsToString, stringToFlags };
