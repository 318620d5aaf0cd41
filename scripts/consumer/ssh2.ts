// A program for ssh2. It compiles with @types/ssh2, and scripts/check-consumers.ts compiles it with the types of @nacre/ssh2.
import { timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import { connect as connectSocket, type Socket } from "node:net";
import * as all from "ssh2";
import ssh2, {
  type AuthenticationType,
  BaseAgent,
  Client,
  type ClientChannel,
  type ConnectConfig,
  type Connection,
  createAgent,
  HTTPAgent,
  HTTPSAgent,
  type IdentityCallback,
  type ParsedKey,
  Server,
  type ServerChannel,
  type SFTPWrapper,
  type SignCallback,
  type SigningRequestOptions,
  utils,
  type VerifyCallback,
} from "ssh2";

const same: boolean = ssh2.Client === Client && all.Server === Server;
const expected = Buffer.from("key");

/** Uses `config` as programs give it, in each form of the options that are functions. */
export const configs: readonly ConnectConfig[] = [
  { host: "example.org", port: 22, username: "alice", password: "secret" },
  { hostVerifier: (key: Buffer) => key.length === expected.length && timingSafeEqual(key, expected) },
  { hostVerifier: (key: Buffer, verify: VerifyCallback) => verify(key.equals(expected)) },
  { hostHash: "sha256", hostVerifier: (fingerprint: string) => fingerprint === "00" },
  { authHandler: ["none", "password"], tryKeyboard: true },
  { authHandler: (left, partial, next) => next(left === null || partial ? "password" : "agent") },
  {
    authHandler: (_left: AuthenticationType[], _partial, next) =>
      next({ type: "publickey", username: "alice", key: readFileSync("key"), passphrase: "secret" }),
  },
  { algorithms: { kex: ["curve25519-sha256"], cipher: { append: "aes256-cbc", prepend: [], remove: [] } } },
  { agent: createAgent("pageant"), agentForward: true, privateKey: readFileSync("key"), debug: console.log },
];

/** Uses a client as its documentation does. */
export function useClient(jump: ConnectConfig, target: ConnectConfig): Client {
  const client = new Client();
  client
    .on("ready", () => {
      client.exec("uptime", { env: { LANG: "C" }, pty: { rows: 24 }, x11: true }, (error, channel) => {
        if (error) throw error;
        channel
          .on("close", (code: number, signal?: string) => console.log(code, signal))
          .on("data", (data: Buffer) => process.stdout.write(data))
          .stderr.on("data", (data) => process.stderr.write(data));
        channel.on("exit", (code) => code.toFixed());
        channel.on("exit", (code: null, signal: string, dump: string, text: string) =>
          console.log(code, signal, dump, text),
        );
        channel.signal("INT");
        channel.setWindow(24, 80, 0, 0);
        channel.end("input\n");
      });
      client.shell(false, { x11: { screen: 1 } }, (error, channel) => error ?? channel.close());
      client.shell({ rows: 24, cols: 80, term: "xterm", modes: { ECHO: 0, VINTR: 3 } }, () => {});
      client.forwardIn("127.0.0.1", 0, (error, port) => error ?? port.toFixed());
      client.forwardOut("127.0.0.1", 0, target.host!, 22, (error, stream: ClientChannel) => {
        if (error) return client.end();
        return new Client().connect({ ...target, sock: stream });
      });
      client.sftp((error, sftp) => error ?? useSftp(sftp));
    })
    .on("tcp connection", (info, accept, reject) => {
      if (info.destPort === 0) return reject();
      const stream = accept();
      const socket: Socket = connectSocket(info.destPort, info.destIP, () => stream.pipe(socket).pipe(stream));
    })
    .on("keyboard-interactive", (_name, _instructions, _language, prompts, finish) =>
      finish(prompts.map(({ prompt, echo }) => (echo ? prompt : "secret"))),
    )
    .on("handshake", ({ kex, cs }) => console.log(kex, cs.cipher))
    .on("hostkeys", (keys) => keys.map((key) => key.getPublicSSH().toString("base64")))
    .on("error", (error) => console.log(error.level, error.message))
    .once("close", () => console.log(same))
    .connect(jump);
  return client;
}

function useSftp(sftp: SFTPWrapper): void {
  sftp.readdir(".", (error, list) => {
    if (error) throw error;
    for (const { filename, longname, attrs } of list) console.log(filename, longname, attrs.isDirectory(), attrs.size);
  });
  sftp.fastPut("a", "b", { concurrency: 8, step: (total, _part, size) => console.log(total / size) }, (error) => {
    if (error) throw error;
  });
  sftp.createReadStream("a", { start: 1, end: 9 }).pipe(sftp.createWriteStream("b", { flags: "a" }));
  sftp.open("a", "r", (_error, handle) =>
    sftp.read(handle, Buffer.alloc(4), 0, 4, 0, (_failed, read, buffer) => buffer.subarray(0, read)),
  );
}

/** Uses a server as its documentation does. */
export function useServer(keys: readonly ParsedKey[]): Server {
  const handles = new Map<number, string>();
  const server = new Server({ hostKeys: [...keys, { key: readFileSync("key"), passphrase: "secret" }] }, (client) => {
    client
      .on("authentication", (context) => {
        if (context.method === "password" && context.password === "secret") context.accept();
        else if (context.method === "publickey" && keys.some((key) => key.equals(context.key.data))) context.accept();
        else if (context.method === "keyboard-interactive")
          context.prompt(["Code: "], "Title", (answers) => (answers[0] === "1" ? context.accept() : context.reject()));
        else context.reject(["password"], false);
      })
      .on("session", (acceptSession) => {
        const session = acceptSession();
        session.on("pty", (accept, _reject, { cols, rows, modes }) => accept?.call([cols, rows, modes.ECHO]));
        session.once("exec", (accept, _reject, { command }) => runCommand(accept(), command));
        session.on("sftp", (accept) => {
          const sftp = accept();
          sftp
            .on("OPEN", (id, filename, flags, attributes) => {
              if ((flags & utils.sftp.OPEN_MODE.WRITE) === 0 || attributes.size > 0)
                return sftp.status(id, utils.sftp.STATUS_CODE.PERMISSION_DENIED);
              handles.set(id, filename);
              return sftp.handle(id, Buffer.of(id));
            })
            .on("WRITE", (id, handle, offset, data) => sftp.status(id, handle.length + offset + data.length));
        });
      });
    answerForwards(client);
  });
  return server.listen(0, "127.0.0.1", () => console.log(server.address()));
}

function runCommand(channel: ServerChannel, command: string): void {
  channel.stderr.write(command);
  channel.exit(0);
  channel.exit("TERM", true, "terminated");
  channel.end();
}

function answerForwards(client: Connection): void {
  client.on("request", (accept, reject, name, info) => {
    if (name === "tcpip-forward" && info.bindPort === 0) accept?.(8080);
    else reject?.();
  });
  client.forwardOut("127.0.0.1", 8080, "127.0.0.1", 9000, (error, channel) => error ?? channel.end());
}

/** An agent of an application. */
export class OneKey extends BaseAgent<string> {
  getIdentities(callback: IdentityCallback<string>): void {
    callback(undefined, ["ssh-ed25519 AAAA"]);
  }
  sign(key: string, data: Buffer, options: SigningRequestOptions | SignCallback, callback?: SignCallback): void {
    const done = typeof options === "function" ? options : callback;
    done?.(undefined, Buffer.concat([Buffer.from(key), data]));
  }
}

/** Reads and makes keys. */
export function useKeys(): string {
  const key = utils.parseKey(readFileSync("key"), "secret");
  if (key instanceof Error) throw key;
  const { public: line } = utils.generateKeyPairSync("ed25519");
  utils.generateKeyPair("rsa", { bits: 3072, comment: "test" }, (error, pair) => console.log(error, pair.private));
  utils.generateKeyPair("ecdsa", { bits: 256, passphrase: "x", cipher: "aes256-cbc", rounds: 16 });
  const flags: number | null = utils.sftp.stringToFlags("w+");
  return `${key.type} ${key.comment} ${key.sign("data", "sha512").length} ${line} ${flags}`;
}

export const agents = [
  new HTTPAgent({ host: "example.org", agent: new OneKey() }, { srcIP: "127.0.0.1", keepAlive: true }),
  new HTTPSAgent({ host: "example.org" }, {}),
];
