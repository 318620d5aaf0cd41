/// <reference types="node" />

import { Agent, AgentOptions } from "http";
import { Agent as SecureAgent, AgentOptions as SecureAgentOptions } from "https";
import { ConnectConfig } from "./connect";

export interface HTTPAgentOptions extends AgentOptions {
  /** Address that the server receives as the origin of connections. */
  srcIP?: string;
}

/** An agent of `http` that reaches servers through an SSH server. */
export class HTTPAgent extends Agent {
  constructor(connectCfg: ConnectConfig, agentOptions?: HTTPAgentOptions);
}

export interface HTTPSAgentOptions extends SecureAgentOptions {
  /** Address that the server receives as the origin of connections. */
  srcIP?: string;
}

/** An agent of `https` that reaches servers through an SSH server. */
export class HTTPSAgent extends SecureAgent {
  constructor(connectCfg: ConnectConfig, agentOptions?: HTTPSAgentOptions);
}
