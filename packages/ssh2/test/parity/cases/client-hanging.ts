import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import ssh2 from "ssh2";
import type { Case, Peers, Recorder, Ssh2 } from "../case.ts";
import { closed, serve, serveAnybody, watch } from "../client-peers.ts";
import { ed25519Pair } from "../made-keys.ts";

const section = "client: what never answers";
const PUBLIC_KEY = ed25519Pair().public;

type Client = InstanceType<Ssh2["Client"]>;
type Config = Parameters<Client["connect"]>[0];

/** A case whose `hostVerifier` never answers. `leave` ends the client once the verifier was called. */
function unverified(name: string, config: Config, leave: (client: Client) => void = () => {}): Case {
  return {
    name: `hostVerifier: ${name}`,
    section,
    async run({ Client }, record, peers) {
      const target = await serveAnybody(peers);
      const client = new Client();
      watch(client, record, peers);
      const over = closed(client);
      const hostVerifier = (): undefined => {
        record("hostVerifier");
        setImmediate(() => leave(client));
      };
      client.connect({ ...target, ...config, hostVerifier });
      await over;
    },
  };
}

/** Connects with an agent that never answers, until `readyTimeout`. */
async function logInWith(
  { Client }: Ssh2,
  record: Recorder,
  peers: Peers,
  agent: InstanceType<Ssh2["BaseAgent"]> | string,
): Promise<void> {
  const target = await serve(peers, (connection) =>
    connection.on("authentication", (context) => {
      record("server", context.method);
      if (context.method === "publickey") context.accept();
      else context.reject(["publickey"]);
    }),
  );
  const client = new Client();
  watch(client, record, peers);
  const over = closed(client);
  client.connect({ ...target, agent, readyTimeout: 700 });
  await over;
}

/** A case whose agent at a Unix socket does `script` to each connection. */
function agentAtSocket(name: string, script: (socket: Socket) => void): Case {
  return {
    name: `agent: ${name}`,
    section,
    async run(implementation, record, peers) {
      const path = join(peers.folder, "agent");
      const open = new Set<Socket>();
      const server = createServer((socket) => {
        open.add(socket);
        socket.on("error", () => {}).resume();
        script(socket);
      }).listen(path);
      await once(server, "listening");
      peers.after(async () => {
        const over = once(server, "close");
        server.close();
        for (const socket of open) socket.destroy();
        await over;
      });
      await logInWith(implementation, record, peers, path);
    },
  };
}

/** A case whose agent is one of the program that lacks an answer of `silent`. */
function agentOfProgram(silent: "getIdentities" | "sign"): Case {
  return {
    name: `agent of the program: ${silent}`,
    section,
    async run(implementation, record, peers) {
      const Base = implementation.BaseAgent as unknown as new () => object;
      class Own extends Base {
        getIdentities(callback: (error: undefined, keys: string[]) => void): void {
          record("getIdentities");
          if (silent === "sign") callback(undefined, [PUBLIC_KEY]);
        }
        sign(): void {
          record("sign");
        }
      }
      await logInWith(implementation, record, peers, new Own());
    },
  };
}

/** Answers requests for keys with one key, and no other requests. */
function listsKeys(socket: Socket): void {
  const protocol = new ssh2.AgentProtocol(false);
  protocol.on("identities", (request) =>
    protocol.getIdentitiesReply(request, [ssh2.utils.parseKey(PUBLIC_KEY) as never]),
  );
  protocol.on("sign", () => {});
  socket.pipe(protocol).pipe(socket);
}

export const cases: readonly Case[] = [
  unverified("until readyTimeout", { readyTimeout: 700 }),
  unverified("until end(), without a limit of time", { readyTimeout: 0 }, (client) => client.end()),
  unverified("until destroy(), without a limit of time", { readyTimeout: 0 }, (client) => client.destroy()),
  agentAtSocket("before its keys", () => {}),
  agentAtSocket("in the middle of its keys", (socket) => socket.write(Buffer.from("000000ff0c", "hex"))),
  agentAtSocket("before a signature", listsKeys),
  agentOfProgram("getIdentities"),
  agentOfProgram("sign"),
];
