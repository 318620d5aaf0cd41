"use strict";

const {
  bufferCopy,
  bufferFill,
  bufferSlice,
  convertSignature,
  readUInt32BE,
  sigSSHToASN1,
  writeUInt32BE,
  writeUInt32LE,
} = require("../../dist/ssh2.cjs")[Symbol.for("nacre.ssh2.internal")].protocolUtils;

// Node reads the names for `import` from this line.
module.exports = {
  bufferCopy,
  bufferFill,
  bufferSlice,
  convertSignature,
  readUInt32BE,
  sigSSHToASN1,
  writeUInt32BE,
  writeUInt32LE,
};
