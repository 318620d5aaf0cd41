import { writeFile } from "node:fs/promises";
import { connect as connectSocket } from "node:net";
import { join } from "node:path";
import { formatPrivateKey } from "@nacre/keyfiles";
import { fingerprint, generateEd25519 } from "@nacre/keys";
import { tcpipChannel } from "@nacre/wire";
import { inSlices, type PeerOpen } from "nacre/extend";
import { bridge } from "nacre/internal-on-demand";
import { beforeEach, onTestFinished } from "vitest";
import { type ListenOptions, listen, socketDuplex } from "../../src/index.ts";
import { counting, temporaryFolder } from "../support.ts";

/** Key that the servers accept; the file `key` has it. */
export const userKey = generateEd25519(counting);
const hostKey = generateEd25519((length) => counting(length).map((byte) => byte + 1));
export const userFingerprint = fingerprint(userKey.publicKey.blob, "sha256");

/** Folder of the test, with the key, known hosts and the configuration. */
export let folder: string;

/** Makes the folder before each test of the file that calls this. */
export function useFolder(): void {
  beforeEach(async () => {
    folder = await temporaryFolder();
    const text = await inSlices(formatPrivateKey(userKey, { format: "openssh", random: counting }));
    await writeFile(join(folder, "key"), text, { mode: 0o600 });
  });
}

export interface Started {
  readonly port: number;
  /** Users that logged in. */
  readonly users: string[];
  /** Ports that jumps went to. */
  readonly jumps: number[];
  /** Lines for a Host block of this server. */
  readonly block: string;
}

/** Starts a server that jumps, and whose commands print their user, text and environment. */
export async function started(options: Partial<ListenOptions> = {}): Promise<Started> {
  const users: string[] = [];
  const jumps: number[] = [];
  const server = await listen({
    port: 0,
    hostKeys: [hostKey],
    authenticate: (login) => {
      if (login.method !== "publickey" || login.fingerprint !== userFingerprint) return false;
      users.push(login.user);
      return { permissions: { channels: ["direct-tcpip"] } };
    },
    acceptEnv: () => true,
    channels: {
      "direct-tcpip": (open) => {
        const { address, port } = tcpipChannel.decode(open.data);
        jumps.push(port);
        forward(open, address, port);
      },
    },
    session: (session) =>
      void session.stdout.write(`${session.user} ${session.command} ${JSON.stringify({ ...session.env })}`),
    ...options,
  });
  onTestFinished(() => server.close());
  const { port } = server.address;
  const key = Buffer.from(hostKey.publicKey.blob).toString("base64");
  await writeFile(join(folder, "known_hosts"), `[127.0.0.1]:${port} ssh-ed25519 ${key}\n`, { flag: "a" });
  const block = [
    "HostName 127.0.0.1",
    `Port ${port}`,
    `IdentityFile ${folder}/key`,
    "IdentitiesOnly yes",
    `UserKnownHostsFile ${folder}/known_hosts`,
    "",
  ].join("\n");
  return { port, users, jumps, block };
}

function forward(open: PeerOpen, host: string, port: number): void {
  const socket = connectSocket({ host, port, allowHalfOpen: true, noDelay: true });
  socket.on("error", () => open.reject(2, "connection refused"));
  socket.on("connect", () => {
    const channel = open.accept();
    if (channel === undefined) socket.destroy();
    else void bridge(channel, socketDuplex(socket), new AbortController().signal);
  });
}

/** Writes the configuration and returns its path. */
export async function configFile(text: string): Promise<string> {
  const path = join(folder, "config");
  await writeFile(path, text, { mode: 0o600 });
  return path;
}
