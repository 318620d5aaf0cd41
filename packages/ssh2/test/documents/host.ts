import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createAgent,
  type Forwarding,
  fingerprint,
  type Login,
  listen,
  type NodeSession,
  privateKey,
  type SshServer,
  tcpForwarding,
} from "@nacre/node";
import { sftpServer } from "@nacre/node/sftp-server";
import ssh2 from "ssh2";
import { ed25519Pair, type MadeKey } from "../parity/made-keys.ts";

/** Password, passphrase and answer to every question of the documents' programs. */
export const SECRET = "open sesame";

/** Port of the web servers and of the database beyond the host. */
export interface Ports {
  readonly ssh: number;
  readonly web: number;
  readonly database: number;
}

/** The host that the documents' programs connect to, with what is beyond it, and a user's files on this side. */
export interface Host {
  readonly ports: Ports;
  /** Folder of the user's files: keys, known_hosts, and what the programs read. */
  readonly folder: string;
  /** Folder that the host's SFTP serves. */
  readonly root: string;
  /** Fingerprint of the host key, `SHA256:…`. */
  readonly fingerprint: string;
  /** Path of the agent's socket. */
  readonly agent: string;
  /** Names of the login methods that were accepted, oldest first. */
  readonly logins: string[];
  close(): Promise<void>;
}

/** Starts the host on loopback. */
export async function startHost(): Promise<Host> {
  const folder = await mkdtemp(join(tmpdir(), "nacre-guide-"));
  const root = join(folder, "root");
  const userKey = ed25519Pair({ passphrase: SECRET, cipher: "aes256-ctr", rounds: 4 });
  const hostKey = ed25519Pair();
  await writeFiles(folder, root, userKey);
  const agentPath = join(folder, "agent");
  const agent = createAgent();
  await agent.add(await privateKey(userKey.private, { passphrase: SECRET }));
  await agent.listen(agentPath);
  const web = createHttpServer((request, response) => void response.end(`page ${request.url}`));
  web.listen(0, "127.0.0.1");
  await once(web, "listening");
  const docker = createHttpServer((request, response) => void response.end(`docker ${request.url}`));
  docker.listen(join(folder, "docker.sock"));
  await once(docker, "listening");
  const database = createServer((socket) => void socket.end("database")).listen(0, "127.0.0.1");
  await once(database, "listening");
  const logins: string[] = [];
  const server = await serveSsh(folder, root, hostKey, userKey, logins);
  const { port } = server.address;
  const line = hostKey.public.split(" ").slice(0, 2).join(" ");
  await writeFile(join(folder, "known_hosts"), `[127.0.0.1]:${port} ${line}\n`);
  return {
    ports: { ssh: port, web: portOf(web), database: portOf(database) },
    folder,
    root,
    fingerprint: fingerprint(Buffer.from(line.split(" ")[1]!, "base64")),
    agent: agentPath,
    logins,
    async close() {
      await server.close();
      await agent.close();
      for (const one of [web, docker]) one.close().closeAllConnections();
      database.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function portOf(server: { address(): unknown }): number {
  return (server.address() as AddressInfo).port;
}

async function writeFiles(folder: string, root: string, userKey: MadeKey): Promise<void> {
  await mkdir(join(root, "releases"), { recursive: true });
  await writeFile(join(root, "releases/app.tar.gz"), "contents of the release");
  await writeFile(join(root, "file"), "the only file");
  await writeFile(join(folder, "log"), "one\ntwo\nthree\n");
  await writeFile(join(folder, "deploy"), userKey.private);
  await writeFile(join(folder, "host_key"), ed25519Pair().private);
  for (const name of ["deploy", "host_key"]) await chmod(join(folder, name), 0o600);
}

function serveSsh(
  folder: string,
  root: string,
  hostKey: MadeKey,
  userKey: MadeKey,
  logins: string[],
): Promise<SshServer> {
  const user = fingerprint((ssh2.utils.parseKey(userKey.public) as { getPublicSSH(): Buffer }).getPublicSSH());
  const authenticate = async (login: Login): Promise<boolean | { readonly permissions: object }> => {
    if (!(await isRight(login, user))) return false;
    // A query whether a key would do is no login yet.
    if (login.method !== "publickey" || login.signed) logins.push(login.method);
    return { permissions: { portForwarding: true, agentForwarding: true } };
  };
  return privateKey(hostKey.private).then((key) =>
    listen({
      port: 0,
      // ssh2 sends requests of OpenSSH only to servers of this name.
      softwareVersion: "OpenSSH_9.9",
      hostKeys: [key],
      methods: ["publickey", "password", "keyboard-interactive"],
      authenticate,
      acceptPty: true,
      acceptEnv: (name) => name === "STAGE",
      session: run,
      subsystems: { sftp: sftpServer({ root }), echo: (session) => echo(session) },
      forwarding: forwardingIn(folder),
    }),
  );
}

async function isRight(login: Login, user: string): Promise<boolean> {
  if (login.method === "publickey") return login.fingerprint === user;
  if (login.method === "password") return login.password === SECRET;
  if (login.method !== "keyboard-interactive") return false;
  const [answer] = await login.ask(["Code: "]);
  return answer === SECRET;
}

/** Forwards to this machine, and to the socket of a fake Docker. */
function forwardingIn(folder: string): Forwarding {
  return tcpForwarding({
    permitOpen: ["localhost:*", "127.0.0.1:*", join(folder, "docker.sock")],
    permitListen: ["*", join(folder, "listening.sock")],
  });
}

/** Runs a command of this machine, or a shell that reports the size of its terminal. */
async function run(session: NodeSession): Promise<number> {
  if (session.command === undefined) return shell(session);
  const child = spawn("sh", ["-c", session.command], { env: { ...process.env, ...session.env } });
  session.onSignal = (name) => void child.kill(`SIG${name}` as NodeJS.Signals);
  session.stdin.pipe(child.stdin);
  child.stdin.on("error", () => {});
  child.stdout.pipe(session.stdout, { end: false });
  child.stderr.pipe(session.stderr, { end: false });
  const [code] = (await once(child, "close")) as [number | null];
  return code ?? 143;
}

async function shell(session: NodeSession): Promise<number> {
  const report = (): void => void session.stdout.write(`size ${session.pty?.columns}x${session.pty?.rows}\n`);
  report();
  session.onResize = report;
  for await (const line of session.stdin) if (String(line).includes("exit")) break;
  return 0;
}

async function echo(session: NodeSession): Promise<number> {
  for await (const chunk of session.stdin) session.stdout.write(chunk);
  return 0;
}
