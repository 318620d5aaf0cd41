import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatPrivateKey, formatPublicKeyLine } from "@nacre/keyfiles";
import { generateEd25519 } from "@nacre/keys";
import { type Client, connect } from "@nacre/node";
import { authorizeKey, type Sshd, startSshd } from "@nacre/testing/openssh/sshd";
import { inSlices } from "nacre/extend";
import { afterAll, beforeAll, onTestFinished } from "vitest";
import { commandLine, installNacre } from "./nacre.ts";

const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

/** How a program ended. */
interface Ending {
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
}

/** Writes an Ed25519 key to `key` in this folder and its public key to `key.pub`. Resolves with the line of the public key. */
export async function writeKeyPair(folder: string): Promise<string> {
  const key = generateEd25519(random);
  const file = await inSlices(formatPrivateKey(key, { format: "openssh", random }));
  writeFileSync(join(folder, "key"), file, { mode: 0o600 });
  const line = formatPublicKeyLine(key.publicKey, "a key");
  writeFileSync(join(folder, "key.pub"), `${line}\n`);
  return line;
}

/** The built command, OpenSSH's servers, and what alice needs to log in to them. */
export interface Login {
  /** Folder that is removed after the tests. */
  readonly folder: string;
  readonly keyFile: string;
  /** File with the host keys of the servers. */
  readonly knownHosts: string;
  readonly servers: readonly Sshd[];
  /** Returns words that log in to the first server with the key, with these options before the host. */
  words(...options: readonly string[]): string[];
  /** Returns the same without the key and the known hosts. */
  bareWords(...options: readonly string[]): string[];
}

/** Before the tests of a file, builds the command and starts a server for each list of configuration lines. */
export function useLogin(...configs: readonly (readonly string[])[]): Login {
  const servers: Sshd[] = [];
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "nacre-cli-"));
    installNacre(folder);
    await authorizeKey("alice", await writeKeyPair(folder));
    for (const config of configs) servers.push(await startSshd({ hostKeys: ["ed25519"], config }));
    const lines = servers.map(({ port, hostPublicKeys: [hostKey] }) => `[127.0.0.1]:${port} ${hostKey}\n`);
    writeFileSync(login.knownHosts, lines.join(""));
  });
  afterAll(async () => {
    await Promise.all(servers.map((sshd) => sshd.stop()));
    await rm(folder, { recursive: true, force: true });
  });
  const login: Login = {
    get folder() {
      return folder;
    },
    get keyFile() {
      return join(folder, "key");
    },
    get knownHosts() {
      return join(folder, "known_hosts");
    },
    servers,
    words: (...options) => login.bareWords("-i", login.keyFile, "--known-hosts", login.knownHosts, ...options),
    bareWords: (...options) => ["-p", `${servers[0]!.port}`, ...options, "alice@127.0.0.1"],
  };
  return login;
}

/** OpenSSH's servers, with a connection to the first one. */
export interface SshdLogin {
  /** Folder that is removed after the tests. */
  readonly folder: string;
  readonly port: number;
  /** Port of a second server. */
  readonly otherPort: number;
  /** Options of `nacre cp` and `nacre sftp`: port, key and known hosts. */
  readonly login: readonly string[];
  /** Returns a command line. */
  command(words: readonly string[]): string[];
  /** Runs a shell command on the server. Resolves with its output without the last line feed. */
  run(command: string): Promise<string>;
  /** Starts the command, which is killed at the end of the test. */
  start(words: readonly string[]): {
    readonly process: ChildProcessWithoutNullStreams;
    readonly ended: Promise<Ending>;
  };
}

/** Starts two servers and builds the command before the tests of a file. */
export function useSshd(): SshdLogin {
  const at = useLogin([], []);
  const { servers } = at;
  let client: Client;
  beforeAll(async () => {
    const { keyFile, knownHosts } = at;
    const { port } = servers[0]!;
    client = await connect({ host: "127.0.0.1", port, user: "alice", identities: [keyFile], knownHosts });
  });
  afterAll(async () => client?.close());

  return {
    get folder() {
      return at.folder;
    },
    get port() {
      return servers[0]!.port;
    },
    get otherPort() {
      return servers[1]!.port;
    },
    get login() {
      return ["-P", `${servers[0]!.port}`, "-i", at.keyFile, "--known-hosts", at.knownHosts];
    },
    command: commandLine,
    run: async (command) => {
      const { stdout, stderr, status } = await client.exec(command);
      if (status !== 0) throw new Error(`${command}: ${stderr}`);
      return stdout.trimEnd();
    },
    start: (words) => {
      const [program = "", ...rest] = commandLine(words);
      const child = spawn(program, rest, { detached: true, env: { ...process.env, SSH_AUTH_SOCK: "" } });
      onTestFinished(() => void child.kill("SIGKILL"));
      let stderr = "";
      child.stderr.on("data", (chunk: Buffer) => {
        stderr += chunk.toString();
      });
      const ended = new Promise<Ending>((resolve) => {
        child.on("close", (_, signal) => resolve({ signal, stderr }));
      });
      return { process: child, ended };
    },
  };
}

/** While the tests of a file run, a server of this machine waits for the end of its input and sends it back in capitals. */
export function useCapitals(): { readonly port: number } {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {});
    let received = "";
    socket.on("data", (chunk) => (received += chunk.toString()));
    socket.on("end", () => socket.end(received.toUpperCase()));
  });
  beforeAll(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve)));
  afterAll(() => void server.close());
  return {
    get port() {
      return (server.address() as AddressInfo).port;
    },
  };
}

/** Quotes words for a shell. */
export function quoted(words: readonly string[]): string {
  return words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
}
