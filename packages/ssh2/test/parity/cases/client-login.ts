import type { AuthContext, Connection, PublicKeyAuthContext } from "ssh2";
import ssh2 from "ssh2";
import type { Case, Peers, Recorder } from "../case.ts";
import { closed, serve, type Target, watch } from "../client-peers.ts";
import { ed25519Pair } from "../made-keys.ts";

const section = "client: login";
const ED25519 = ed25519Pair({
  passphrase: "secret",
  cipher: "aes256-ctr",
  rounds: 16,
}).private;
const ECDSA = ssh2.utils.generateKeyPairSync("ecdsa", { bits: 384 }).private;
const RSA = ssh2.utils.generateKeyPairSync("rsa", { bits: 2048 }).private;

/** Serves logins that `decide` accepts or rejects, and records what the client sends. */
function serveLogins(peers: Peers, record: Recorder, decide: (context: AuthContext) => void): Promise<Target> {
  return serve(peers, (connection: Connection) =>
    connection.on("authentication", (context) => {
      record("server", context.method, context.username, ...factsOf(context));
      decide(context);
    }),
  );
}

function factsOf(context: AuthContext): readonly unknown[] {
  switch (context.method) {
    case "password":
      return [context.password];
    case "publickey":
      return [context.key.algo, context.signature === undefined ? "query" : isValid(context)];
    case "hostbased":
      return [context.key.algo, context.localHostname, context.localUsername, isValid(context)];
    default:
      return [];
  }
}

/** What a signed login has, with a key or as a host. */
interface Signed extends Pick<PublicKeyAuthContext, "key"> {
  readonly blob?: Buffer | undefined;
  readonly signature?: Buffer | undefined;
  readonly hashAlgo?: string | undefined;
}

function isValid({ key, blob, signature, hashAlgo }: Signed): boolean {
  const parsed = ssh2.utils.parseKey(key.data);
  if (parsed instanceof Error) throw parsed;
  const one = Array.isArray(parsed) ? parsed[0]! : parsed;
  return one.verify(blob!, signature!, hashAlgo) === true;
}

/** Accepts a login by `method`: a key's only with a signature. */
function only(method: string): (context: AuthContext) => void {
  return (context) => {
    if (context.method === method) context.accept();
    else context.reject([method as "password"]);
  };
}

/** Logs in with options, and ends the connection after "ready". */
async function logIn(
  ssh2: Parameters<Case["run"]>[0],
  record: Recorder,
  peers: Peers,
  options: Parameters<InstanceType<typeof ssh2.Client>["connect"]>[0],
): Promise<void> {
  const client = new ssh2.Client();
  watch(client, record, peers);
  client.on("ready", () => client.end());
  const over = closed(client);
  client.connect(options);
  await over;
}

/** A case whose client logs in with `options` at a server that decides by `decide`. */
function login(
  name: string,
  decide: (context: AuthContext) => void,
  options: (record: Recorder) => Omit<Parameters<InstanceType<typeof ssh2.Client>["connect"]>[0], "host" | "port">,
): Case {
  return {
    name,
    section,
    async run(implementation, record, peers) {
      const target = await serveLogins(peers, record, decide);
      await logIn(implementation, record, peers, { ...target, ...options(record) });
    },
  };
}

export const cases: readonly Case[] = [
  login("with a password, after none", only("password"), () => ({ password: "open" })),
  login("with none, under an empty name", only("none"), () => ({ username: "" })),
  login("with an encrypted key, queried first", only("publickey"), () => ({
    privateKey: ED25519,
    passphrase: "secret",
  })),
  login("with an ECDSA key given as a Buffer", only("publickey"), () => ({ privateKey: Buffer.from(ECDSA) })),
  login("with an RSA key and SHA-2", only("publickey"), () => ({ privateKey: RSA })),
  login(
    "tries all methods in order, then fails",
    (context) => context.reject(["publickey", "password"]),
    () => ({
      password: "wrong",
      privateKey: ED25519,
      passphrase: "secret",
      tryKeyboard: true,
      localHostname: "here",
      localUsername: "me",
    }),
  ),
  login(
    "answers prompts in rounds",
    (context) => askTwice(context),
    (record) => ({
      tryKeyboard: true,
      authHandler: [
        "none",
        {
          type: "keyboard-interactive",
          username: "alice",
          prompt: (
            name: string,
            instructions: string,
            language: string,
            prompts: readonly unknown[],
            finish: (answers: readonly string[]) => void,
          ) => {
            record("prompts", name, instructions, language, prompts);
            finish(prompts.map((_, index) => `answer ${index}`));
          },
        } as never,
      ],
    }),
  ),
  {
    name: "emits keyboard-interactive, also for a method by name",
    section,
    async run({ Client }, record, peers) {
      const target = await serveLogins(peers, record, (context) => askTwice(context));
      const client = new Client();
      watch(client, record, peers);
      client.on("keyboard-interactive", (name, instructions, language, prompts, finish) => {
        record("keyboard-interactive", name, instructions, language, prompts);
        finish(["one", "two"].slice(0, prompts.length));
      });
      client.on("ready", () => client.end());
      const over = closed(client);
      client.connect({ ...target, tryKeyboard: true });
      await over;
    },
  },
  {
    name: "emits change password",
    section,
    async run({ Client }, record, peers) {
      const target = await serveLogins(peers, record, (context) => {
        if (context.method !== "password") return context.reject(["password"]);
        context.requestChange("Choose another", (password) => {
          record("changed", password);
          context.accept();
        });
      });
      const client = new Client();
      watch(client, record, peers);
      client.on("change password", (prompt, done) => {
        record("change password", prompt);
        done("new one");
      });
      client.on("ready", () => client.end());
      const over = closed(client);
      client.connect({ ...target, password: "old" });
      await over;
    },
  },
  login("takes methods by name from a list", only("password"), () => ({
    password: "open",
    privateKey: ED25519,
    passphrase: "secret",
    authHandler: ["publickey", "keyboard-interactive", "password"],
  })),
  login("takes attempts of other users from a list", only("publickey"), () => ({
    authHandler: [
      { type: "none", username: "first" },
      { type: "password", username: "second", password: "wrong" },
      { type: "publickey", username: "third", key: ED25519, passphrase: "secret" },
    ],
  })),
  login("asks a function for each attempt", only("password"), (record) => {
    const answers: unknown[] = ["none", "publickey", "password"];
    return {
      password: "open",
      privateKey: ED25519,
      passphrase: "secret",
      authHandler: (left: unknown, partial: unknown) => {
        record("left", left, partial);
        return answers.shift();
      },
    };
  }),
  login("takes the answers of a callback later", only("password"), (record) => {
    const answers: unknown[] = ["none", { type: "password", username: "bob", password: "open" }];
    return {
      authHandler: (left, partial, next) => {
        record("left", left, partial);
        setImmediate(() => next(answers.shift() as never));
      },
    };
  }),
  login("skips invalid answers", only("password"), () => ({
    authHandler: [
      "password",
      "nonsense",
      7,
      { type: "password", username: 1, password: "x" },
      { type: "password", username: "alice" },
      { type: "publickey", username: "alice", key: "no key" },
      { type: "other", username: "alice" },
      { type: "password", username: "alice", password: "open" },
    ] as never,
  })),
  login("fails when the function returns false", only("password"), () => ({ authHandler: () => false })),
  login(
    "goes on after a partial success",
    (context) => {
      if (context.method === "none") context.reject(["password"]);
      else if (context.method === "password") context.reject(["publickey"], true);
      else if (context.method === "publickey") context.accept();
      else context.reject();
    },
    (record) => {
      const answers = ["none", "password", "publickey"];
      return {
        password: "first",
        privateKey: ECDSA,
        authHandler: (left: unknown, partial: unknown) => {
          record("left", left, partial);
          return answers.shift();
        },
      };
    },
  ),
  login("as a host", only("hostbased"), () => ({
    privateKey: ECDSA,
    localHostname: "client.example.org",
    localUsername: "me",
  })),
  login("as a host with an RSA key", only("hostbased"), () => ({
    authHandler: [
      { type: "hostbased", username: "alice", key: RSA, localHostname: "client.example.org", localUsername: "me" },
    ],
  })),
  {
    name: "with a key of an agent",
    section,
    async run(implementation, record, peers) {
      const target = await serveLogins(peers, record, (context) => {
        if (context.method === "publickey" && context.key.algo.startsWith("ecdsa")) context.accept();
        else context.reject(["publickey"]);
      });
      await logIn(implementation, record, peers, { ...target, agent: agentOf(implementation, [ED25519, ECDSA]) });
    },
  },
  {
    name: "reports an agent that fails, and tries the next method",
    section,
    async run(implementation, record, peers) {
      const target = await serveLogins(peers, record, only("password"));
      const agent = agentOf(implementation, []);
      agent.getIdentities = (callback) => callback(new Error("no agent here"));
      await logIn(implementation, record, peers, {
        ...target,
        agent,
        authHandler: ["agent", "password"],
        password: "open",
      });
    },
  },
  {
    name: "reports a key of an agent that cannot sign, and tries the next key",
    section,
    async run(implementation, record, peers) {
      const target = await serveLogins(peers, record, only("publickey"));
      const agent = agentOf(implementation, [ED25519, ECDSA]);
      const sign = agent.sign.bind(agent) as (...parameters: unknown[]) => void;
      let signatures = 0;
      Object.assign(agent, {
        sign(...parameters: unknown[]) {
          if (signatures++ > 0) sign(...parameters);
          else (parameters.at(-1) as (error: Error) => void)(new Error("locked"));
        },
      });
      await logIn(implementation, record, peers, { ...target, agent });
    },
  },
];

/** Asks for one answer, then says something, then asks for two, and accepts. */
function askTwice(context: AuthContext): void {
  if (context.method !== "keyboard-interactive") return context.reject(["keyboard-interactive"]);
  const keyboard = context;
  keyboard.prompt([{ prompt: "Password: ", echo: false }], "Log in", "Twice", () => {
    keyboard.prompt(
      [
        { prompt: "Code: ", echo: true },
        { prompt: "Again: ", echo: true },
      ],
      () => keyboard.accept(),
    );
  });
}

/** Returns an agent of a program with these private keys. It answers with blobs, and signs as keys of ssh2 do. */
function agentOf(implementation: typeof ssh2, privateKeys: readonly string[]): InstanceType<typeof ssh2.BaseAgent> {
  const keys = privateKeys.map((text) => {
    const parsed = ssh2.utils.parseKey(text, "secret");
    if (parsed instanceof Error) throw parsed;
    return Array.isArray(parsed) ? parsed[0]! : parsed;
  });
  const Base = implementation.BaseAgent as unknown as new () => object;
  class KeyAgent extends Base {
    getIdentities(callback: (error: Error | undefined, keys?: unknown[]) => void): void {
      callback(
        undefined,
        keys.map((key) => key.getPublicSSH()),
      );
    }
    sign(key: { getPublicSSH(): Buffer }, data: Buffer, options: { hash?: string }, callback: AgentCallback): void {
      const found = keys.find((one) => one.getPublicSSH().equals(key.getPublicSSH()))!;
      const signature = found.sign(data, options.hash);
      if (signature instanceof Error) callback(signature);
      else callback(undefined, signature);
    }
  }
  return new KeyAgent() as InstanceType<typeof ssh2.BaseAgent>;
}

type AgentCallback = (error?: Error, signature?: Buffer) => void;
