"use strict";

const { Channel, MAX_WINDOW, PACKET_SIZE, WINDOW_THRESHOLD } =
  require("../dist/ssh2.cjs")[Symbol.for("nacre.ssh2.internal")].channel;

// Node reads the names for `import` from this line.
module.exports = { Channel, MAX_WINDOW, PACKET_SIZE, WINDOW_THRESHOLD };
