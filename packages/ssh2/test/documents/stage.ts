import * as crypto from "node:crypto";
import * as fs from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import * as http from "node:http";
import * as net from "node:net";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import * as streams from "node:stream/promises";
import * as keyfiles from "@nacre/keyfiles";
import * as nacreKeys from "@nacre/keys";
import * as node from "@nacre/node";
import * as nodeHttp from "@nacre/node/http";
import * as sftpServer from "@nacre/node/sftp-server";
import { freePort } from "@nacre/testing/free-port";
import type { Client, ConnectConfig } from "ssh2";
import { vi } from "vitest";
import type { Ssh2 } from "../parity/case.ts";
import { type Block, type Callable, type Modules, runCode, withNames } from "./blocks.ts";
import { type Host, SECRET } from "./host.ts";

/** Runs a block, and asserts what it prints or leaves. */
export type Effect = (stage: Stage, block: Block) => Promise<void>;

/** The effects of the two blocks of a section: the first is for ssh2, the second for Nacre. */
export interface SectionEffects {
  readonly ssh2: Effect;
  readonly nacre: Effect;
}

/** Effects by the heading of the section. */
export type Effects = Readonly<Record<string, SectionEffects>>;

/** Limit of each wait, in milliseconds. */
const MAX_WAIT = 20_000;

/** Runs blocks of a document against the host, and sees what they do. */
export class Stage {
  readonly host: Host;
  /** Lines that blocks printed with `console`. */
  readonly printed: string[] = [];
  /** Port in the place of those that blocks listen on. */
  readonly listening: number;
  /** Clients of ssh2 that blocks made. */
  readonly clients: Client[] = [];
  readonly #ssh2: Ssh2;
  readonly #stdin = new PassThrough();
  readonly #stdout = new PassThrough();
  readonly #releases: (() => unknown)[] = [];
  #output = "";

  constructor(host: Host, ssh2: Ssh2, listening: number) {
    this.host = host;
    this.#ssh2 = ssh2;
    this.listening = listening;
    this.#stdout.on("data", (data: Buffer) => (this.#output += String(data)));
  }

  /** Bytes that blocks wrote to the standard output, as text. */
  get output(): string {
    return this.#output;
  }

  /** Sends text to the standard input of the blocks. */
  type(text: string): void {
    this.#stdin.write(text);
  }

  /** Runs a block. `more` has values in addition to those of every block. */
  run(block: Block, more: object = {}): Promise<Record<string, Callable>> {
    return runCode(withNames(block.code, this.#names()), this.#modules(), { ...this.#given(), ...more });
  }

  /** Runs a block that exports a function, and calls it with a client of ssh2 that has logged in. */
  async call(block: Block): Promise<Client> {
    const functions = await this.run(block);
    const [one] = Object.values(functions);
    const client = await this.ssh2Client();
    one!(client);
    return client;
  }

  /** Resolves with a client of ssh2 that has logged in. */
  async ssh2Client(config: ConnectConfig = {}): Promise<Client> {
    const client = new this.#ssh2.Client();
    this.#releases.push(() => client.destroy());
    await new Promise((resolve, reject) => {
      client.on("ready", () => resolve(undefined)).on("error", reject);
      client.connect({
        host: "127.0.0.1",
        port: this.host.ports.ssh,
        username: "alice",
        password: SECRET,
        hostVerifier: () => true,
        ...config,
      });
    });
    return client;
  }

  /** Runs a block with `ssh`, a client of `@nacre/node` that has logged in. */
  async runWithSsh(block: Block): Promise<void> {
    await this.run(block, { ssh: await this.nacreClient() });
  }

  /** Resolves with a client of `@nacre/node` that has logged in. */
  async nacreClient(options: Partial<node.ConnectOptions> = {}): Promise<node.Client> {
    const given = { host: "127.0.0.1", port: this.host.ports.ssh, user: "alice", password: SECRET, identities: [] };
    const ssh = await node.connect({ ...given, agent: false, hostKey: this.host.fingerprint, ...options });
    this.#releases.push(() => ssh.close());
    return ssh;
  }

  /** Waits until an expectation holds. Rejects with its error after 20 s. */
  async until(expectation: () => unknown): Promise<void> {
    await vi.waitFor(expectation, { timeout: MAX_WAIT, interval: 5 });
  }

  /** Returns the content of a file of the user. */
  read(name: string): Promise<string> {
    return readFile(join(this.host.folder, name), "utf8");
  }

  /** Writes a file of the user. */
  async write(name: string, content: string): Promise<void> {
    await writeFile(join(this.host.folder, name), content);
  }

  /** Closes what blocks have opened. */
  async close(): Promise<void> {
    for (const client of this.clients) client.destroy();
    for (const release of this.#releases.toReversed()) await release();
    this.#stdin.destroy();
    this.#stdout.destroy();
  }

  /** Names in the documents, and what stands for them here: one rule for all blocks. */
  #names(): readonly (readonly [string, string])[] {
    const { folder, ports, fingerprint } = this.host;
    const here = `"127.0.0.1", port: ${ports.ssh}`;
    const path = (name: string): string => JSON.stringify(join(folder, name));
    return [
      ['host: "example.org"', `host: ${here}`],
      ['host: "bastion.example.org"', `host: ${here}`],
      ['host: "db.internal"', `host: ${here}`],
      ['"db.internal", 22', `"127.0.0.1", ${ports.ssh}`],
      ["alice@bastion.example.org", `alice@127.0.0.1:${ports.ssh}`],
      ["nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY8", fingerprint.slice("SHA256:".length)],
      ['"/home/alice/.ssh/deploy"', path("deploy")],
      ['"~/.ssh/deploy"', path("deploy")],
      ['"host_key"', path("host_key")],
      ['"log"', path("log")],
      ['"app.tar.gz"', path("app.tar.gz")],
      ['"/run/docker.sock"', path("docker.sock")],
      ['"/srv/files"', path("root")],
      ["15432", `${this.listening}`],
      ["2222", `${this.listening}`],
      ["8080", `${this.listening}`],
      ["5432", `${ports.database}`],
      ["3000", `${ports.web}`],
    ];
  }

  #given(): object {
    const print = (...values: unknown[]): void => void this.printed.push(values.map(String).join(" "));
    const { host } = this;
    return {
      ask: async () => SECRET,
      passphrase: SECRET,
      console: { log: print, error: print },
      process: { env: { SSH_AUTH_SOCK: host.agent }, stdin: this.#stdin, stdout: this.#stdout, stderr: this.#stdout },
      pipeline: streams.pipeline,
      createReadStream: fs.createReadStream,
    };
  }

  #modules(): Modules {
    const { clients } = this;
    const releases = this.#releases;
    const implementation = this.#ssh2;
    class Client extends implementation.Client {
      constructor() {
        super();
        clients.push(this);
      }
    }
    class Server extends implementation.Server {
      constructor(...parameters: ConstructorParameters<Ssh2["Server"]>) {
        super(...parameters);
        releases.push(() => new Promise<void>((resolve) => void this.close(() => resolve())));
      }
    }
    class HTTPAgent extends implementation.HTTPAgent {
      constructor(...parameters: ConstructorParameters<Ssh2["HTTPAgent"]>) {
        super(...parameters);
        releases.push(() => this.destroy());
      }
    }
    const createServer = (...parameters: unknown[]): net.Server => {
      const server = net.createServer(...(parameters as []));
      releases.push(() => void server.close());
      return server;
    };
    return {
      ssh2: { ...implementation, Client, Server, HTTPAgent },
      "@nacre/node": { ...node, connect: this.#connect, listen: this.#listen },
      "@nacre/node/http": nodeHttp,
      "@nacre/node/sftp-server": sftpServer,
      "@nacre/keyfiles": keyfiles,
      "@nacre/keys": nacreKeys,
      "node:crypto": crypto,
      "node:fs": fs,
      "node:http": http,
      "node:net": { ...net, createServer },
    };
  }

  /** `connect` with the user's known_hosts and agent, which are this stage's. */
  readonly #connect = async (options: node.ConnectOptions): Promise<node.Client> => {
    const own = { knownHosts: join(this.host.folder, "known_hosts"), agent: this.host.agent, identityFiles: [] };
    const ssh = await node.connect({ ...own, ...options });
    this.#releases.push(() => ssh.close());
    return ssh;
  };

  readonly #listen = async (options: node.ListenOptions): Promise<node.SshServer> => {
    const server = await node.listen(options);
    this.#releases.push(() => server.close());
    return server;
  };
}

/** Returns a stage with a port that nothing listens on. */
export async function newStage(host: Host, ssh2: Ssh2): Promise<Stage> {
  return new Stage(host, ssh2, await freePort());
}
