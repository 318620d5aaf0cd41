"use strict";

const { AgentProtocol, BaseAgent, CygwinAgent, OpenSSHAgent, PageantAgent, createAgent, isAgent } =
  require("../dist/ssh2.cjs")[Symbol.for("nacre.ssh2.internal")].agent;

// Node reads the names for `import` from this line.
module.exports = { AgentProtocol, BaseAgent, CygwinAgent, OpenSSHAgent, PageantAgent, createAgent, isAgent };
