import type { Target } from "../fuzzer/target.ts";
import { agentTargets } from "./agent-protocol.ts";
import { commandLines } from "./command-lines.ts";
import { config } from "./config.ts";
import { clientEntryPoint, serverEntryPoint } from "./entry-points/index.ts";
import { keyExchange } from "./key-exchange.ts";
import { authorizedKeys, expiryTimes, hostKeyLists, knownHosts, publicKeyLines } from "./key-lists.ts";
import { certificates, publicKeys, signatures } from "./keys.ts";
import { masterTargets } from "./master.ts";
import { messages, structures } from "./messages.ts";
import { extInfo, identification, kexinit } from "./negotiation.ts";
import { plainPackets, sealedPackets } from "./packets.ts";
import { ppkFiles, publicKeyTexts } from "./ppk.ts";
import { privateKeyBodies, privateKeyFiles } from "./private-keys.ts";
import { clientSession, serverSession } from "./protocol/index.ts";
import { proxyAnswers } from "./proxy-answers.ts";
import { proxyHandshake } from "./proxy-handshake.ts";
import { recording } from "./recording.ts";
import { scpTargets } from "./scp/index.ts";
import { sftpClient, sftpPaths, sftpReplies, sftpRequests, sftpServer } from "./sftp/index.ts";
import { signedFileTargets } from "./signed-files.ts";
import { terminalModes } from "./terminal-modes.ts";
import { text } from "./text.ts";
import { tunnelMessages, tunnelPair } from "./tunnels/index.ts";

/** Targets for all code that takes bytes from other parties. */
export const targets: readonly Target[] = [
  messages,
  structures,
  text,
  identification,
  kexinit,
  extInfo,
  plainPackets,
  sealedPackets,
  publicKeys,
  certificates,
  signatures,
  keyExchange,
  privateKeyFiles,
  privateKeyBodies,
  ppkFiles,
  publicKeyTexts,
  publicKeyLines,
  knownHosts,
  hostKeyLists,
  authorizedKeys,
  expiryTimes,
  ...signedFileTargets,
  terminalModes,
  ...agentTargets,
  ...masterTargets,
  commandLines,
  proxyAnswers,
  config,
  proxyHandshake,
  recording,
  tunnelMessages,
  tunnelPair,
  sftpRequests,
  sftpReplies,
  sftpPaths,
  sftpClient,
  sftpServer,
  ...scpTargets,
  clientSession,
  serverSession,
  clientEntryPoint,
  serverEntryPoint,
];
