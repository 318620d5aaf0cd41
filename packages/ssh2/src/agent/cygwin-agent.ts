import { execFile } from "node:child_process";
import { readFile } from "node:fs";
import { Socket } from "node:net";
import type { StreamCallback } from "./base-agent.ts";
import { OpenSSHAgent, once } from "./openssh-agent.ts";

/** Content of the file that stands for a Unix socket of Cygwin: a TCP port, and a secret of four words. */
const SOCKET_FILE = /^!<socket >(\d+) s ([0-9A-Z]{8}-[0-9A-Z]{8}-[0-9A-Z]{8}-[0-9A-Z]{8})/;
const SECRET_LENGTH = 16;
/** Process, user and group, each in 32 bits, little-endian. */
const CREDENTIALS_LENGTH = 12;

/** An agent at a Cygwin Unix socket: a file that names a TCP port on loopback and a secret. */
export class CygwinAgent extends OpenSSHAgent {
  override getStream(callback: StreamCallback, signal?: AbortSignal): void {
    const done = once(callback);
    readSocketFile(this.socketPath, signal, (error, content) => {
      if (content === undefined) return done(error);
      const [, port, words] = SOCKET_FILE.exec(content) ?? [];
      if (port === undefined || words === undefined) return done(new Error("Malformed cygwin unix socket file"));
      const secret = secretOf(words);
      const refused = (): void => done(new Error("Problem negotiating cygwin unix socket security"));
      // The first connection reads the agent's user and group ids, which the second must repeat.
      const peer: Peer = { port: Number(port), secret, signal };
      introduce(peer, Buffer.alloc(CREDENTIALS_LENGTH), refused, (first, credentials) => {
        first.on("error", () => {});
        first.destroy();
        credentials.writeUInt32LE(process.pid >>> 0, 0);
        introduce(peer, credentials, refused, (socket) => done(null, socket));
      });
    });
  }
}

/** An agent at a port of loopback. `signal` closes connections to it. */
interface Peer {
  readonly port: number;
  readonly secret: Buffer;
  readonly signal: AbortSignal | undefined;
}

/** Passes the content of the file, whose path may be one that only Cygwin understands. */
function readSocketFile(
  path: string,
  signal: AbortSignal | undefined,
  callback: (error: Error | null, content?: string) => void,
): void {
  const invalid = (): void => callback(new Error("Invalid cygwin unix socket path"));
  const options = { encoding: "latin1", signal } as const;
  readFile(path, options, (error, content) => {
    if (error === null) return callback(null, content);
    execFile("cygpath", ["-w", path], { signal, windowsHide: true }, (failure, output) => {
      if (failure !== null || output.length === 0) return invalid();
      readFile(output.replace(/[\r\n]/g, ""), options, (again, text) => (again ? invalid() : callback(null, text)));
    });
  });
}

/** Returns the bytes of the secret, whose words are written big-endian and sent little-endian. */
function secretOf(words: string): Buffer {
  return Buffer.from(words.replaceAll("-", ""), "hex").swap32();
}

/** Connects and sends the secret and credentials. Passes on the socket and the agent's credentials. */
function introduce(
  { port, secret, signal }: Peer,
  credentials: Buffer,
  refused: () => void,
  accepted: (socket: Socket, reply: Buffer) => void,
): void {
  const socket = new Socket({ signal });
  let received = Buffer.alloc(0);
  let hasSentCredentials = false;
  const connected = (): void => void socket.write(secret);
  const fail = (): void => {
    socket.destroy();
    refused();
  };
  const data = (chunk: Buffer): void => {
    received = Buffer.concat([received, chunk]);
    if (!hasSentCredentials && received.length >= SECRET_LENGTH) {
      // The agent repeats the secret.
      received = received.subarray(SECRET_LENGTH);
      hasSentCredentials = true;
      socket.write(credentials);
    }
    if (!hasSentCredentials || received.length < CREDENTIALS_LENGTH) return;
    socket.off("connect", connected).off("data", data).off("error", fail).off("end", fail).off("close", fail);
    accepted(socket, Buffer.from(received.subarray(0, CREDENTIALS_LENGTH)));
  };
  socket.on("connect", connected).on("data", data).on("error", fail).on("end", fail).on("close", fail);
  socket.connect(port);
}
