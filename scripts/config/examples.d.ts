// Names that the examples in the READMEs use without declaring them: see scripts/check-examples.ts.

import type { createWriteStream as openFile, createReadStream as readFile } from "node:fs";
import type { IncomingMessage, RequestListener } from "node:http";
import type { Socket } from "node:net";
import type { pipeline as pipe } from "node:stream/promises";
import type { Factor } from "@nacre/auth";
import type { ConfigAnswers, ConfigRequest } from "@nacre/config";
import type { DerivedKeys } from "@nacre/kdf";
import type { PrivateKey, SignatureAlgorithm } from "@nacre/keys";
import type { Proposal } from "@nacre/negotiation";
import type { connect, RemoteIdentity } from "@nacre/node";
import type { PacketReader, PacketWriter } from "@nacre/packet";
import type { Transport, TransportAlgorithms } from "@nacre/transport";
import type { RandomSource, SSH_MSG_KEXINIT, SshError } from "@nacre/wire";

declare global {
  // An application on Node.
  const pipeline: typeof pipe;
  const createReadStream: typeof readFile;
  const createWriteStream: typeof openFile;
  const socket: Socket;
  const ask: (question: string) => Promise<string>;
  const passphrase: string;

  const application: RequestListener;
  const userOf: (request: IncomingMessage) => Promise<{ readonly hosts: readonly string[] } | undefined>;
  /** Text of a TLS certificate in PEM. */
  const certificate: string;

  // A connection and its byte streams.
  const ssh: Awaited<ReturnType<typeof connect>>;
  const readable: ReadableStream<Uint8Array>;
  const writable: WritableStream<Uint8Array>;

  // Keys and files.
  const key: PrivateKey;
  const agentKey: RemoteIdentity;
  const serverKey: PrivateKey;
  const signatureAlgorithms: readonly SignatureAlgorithm[];
  const userKeyBlob: Uint8Array;
  const hostKeyBlob: Uint8Array;
  const text: string;
  /** Text of a key file. */
  const pem: string;
  const knownHostsText: string;
  const local: ConfigRequest["local"];
  const names: ConfigRequest["algorithms"];
  const answers: ConfigAnswers;
  const authorizedKeysText: string;
  /** Content of a file. */
  const contents: Uint8Array;

  // The layers, and values that pass between them.
  const transport: Transport;
  const sink: Transport["sink"];
  const writer: PacketWriter;
  const reader: PacketReader;
  const algorithms: TransportAlgorithms;
  const random: RandomSource;
  const keys: { readonly clientToServer: DerivedKeys; readonly serverToClient: DerivedKeys };
  const sessionId: Uint8Array;
  const chunk: Uint8Array;
  const payload: Uint8Array<ArrayBuffer>;
  const command: Uint8Array;
  const send: (payload: Uint8Array) => void;
  const handle: (payload: Uint8Array, sequenceNumber: number) => void;
  let exitStatus: number;
  /** Returns the number of bytes it consumed. */
  const use: (data: Uint8Array) => number;
  /** A byte stream. `write` returns the number of bytes it took. */
  const channel: { readonly write: (bytes: Uint8Array) => number; readonly resume: () => void };

  // Key exchange.
  const proposal: Proposal;
  const theirs: ReturnType<typeof SSH_MSG_KEXINIT.decode>;
  const clientVersion: Uint8Array;
  const serverVersion: Uint8Array;
  const clientKexInit: Uint8Array;
  const serverKexInit: Uint8Array;
  const hostKey: Uint8Array;
  const exchange: Uint8Array;
  const sharedSecret: Uint8Array;

  // Decisions.
  const isTheHosts: (hostKey: Uint8Array) => boolean;
  const isKnown: (hostKey: Uint8Array) => boolean;
  const isAuthorized: (userName: string, publicKey: Uint8Array) => boolean;
  const refused: SshError;
  const startConnection: (userName: string, factors: readonly Factor[]) => void;
}
