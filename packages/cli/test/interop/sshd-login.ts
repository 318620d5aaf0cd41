import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
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

/** An OpenSSH server that the command may log in to, and the built command. */
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
  const servers: Sshd[] = [];
  let folder = "";
  let client: Client;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "nacre-cli-"));
    installNacre(folder);
    const key = generateEd25519(random);
    writeFileSync(join(folder, "key"), await inSlices(formatPrivateKey(key, { format: "openssh", random })), {
      mode: 0o600,
    });
    await authorizeKey("alice", formatPublicKeyLine(key.publicKey));
    servers.push(await startSshd({ hostKeys: ["ed25519"] }), await startSshd({ hostKeys: ["ed25519"] }));
    const lines = servers.map(({ port, hostPublicKeys: [hostKey] }) => `[127.0.0.1]:${port} ${hostKey}\n`);
    const knownHosts = join(folder, "known_hosts");
    writeFileSync(knownHosts, lines.join(""));
    const { port } = servers[0]!;
    client = await connect({ host: "127.0.0.1", port, user: "alice", identities: [join(folder, "key")], knownHosts });
  });

  afterAll(async () => {
    await client?.close();
    await Promise.all(servers.map((sshd) => sshd.stop()));
    await rm(folder, { recursive: true, force: true });
  });

  return {
    get folder() {
      return folder;
    },
    get port() {
      return servers[0]!.port;
    },
    get otherPort() {
      return servers[1]!.port;
    },
    get login() {
      return ["-P", `${servers[0]!.port}`, "-i", join(folder, "key"), "--known-hosts", join(folder, "known_hosts")];
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

/** Quotes words for a shell. */
export function quoted(words: readonly string[]): string {
  return words.map((word) => `'${word}'`).join(" ");
}
