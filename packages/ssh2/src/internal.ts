import {
  AgentProtocol,
  BaseAgent,
  CygwinAgent,
  createAgent,
  isAgent,
  OpenSSHAgent,
  PageantAgent,
} from "./agent/agents.ts";
import { Channel } from "./channel/channel.ts";
import { ChannelManager } from "./channel/channel-manager.ts";
import { MAX_WINDOW, PACKET_SIZE, WINDOW_THRESHOLD } from "./channel/direction.ts";
import { constants } from "./constants.ts";
import { Client, HTTPAgent, HTTPSAgent, Server, utils } from "./index.ts";
import { isParsedKey, parseKey } from "./keys/parse-key.ts";
import { protocolUtils } from "./protocol-utils.ts";
import { SFTP } from "./sftp/sftp.ts";
import { Stats } from "./sftp/stats.ts";

/** What the files of `lib` export, by their names. Programs require those files, though ssh2 documents none of them. */
export const internal: Readonly<Record<string, unknown>> = {
  client: Client,
  server: Server,
  agent: { AgentProtocol, BaseAgent, CygwinAgent, createAgent, isAgent, OpenSSHAgent, PageantAgent },
  httpAgents: { SSHTTPAgent: HTTPAgent, SSHTTPSAgent: HTTPSAgent },
  keygen: { generateKeyPair: utils.generateKeyPair, generateKeyPairSync: utils.generateKeyPairSync },
  channel: { Channel, MAX_WINDOW, PACKET_SIZE, WINDOW_THRESHOLD },
  utils: { ChannelManager, isWritable },
  get constants() {
    return constants();
  },
  sftp: { SFTP, Stats, ...utils.sftp },
  keyParser: { isParsedKey, parseKey },
  protocolUtils,
};

/** Returns whether a socket can be written to, and has not been ended by its peer. */
function isWritable(stream: unknown): boolean {
  const { writable, _readableState: state } = (stream ?? {}) as {
    readonly writable?: boolean;
    readonly _readableState?: { readonly ended?: boolean };
  };
  return writable === true && state?.ended === false;
}
