import { createHash } from "node:crypto";
import {
  Agent,
  AgentClient,
  type AgentConnection,
  type Destination,
  decodeAnswer,
  decodeRequest,
  encodeAnswer,
  encodeRequest,
  sessionBind,
} from "@nacre/agent";
import { defaultSignatureAlgorithms, generateEd25519, privateKeyFromFields } from "@nacre/keys";
import { seededRandom } from "@nacre/testing/random";
import { type AskToken, utf8Encode, Writer } from "@nacre/wire";
import { attempt, expectEqual, expectTrue } from "../contract.ts";
import type { Target } from "../fuzzer/target.ts";
import { Input, strings } from "../input.ts";

/** A message of the agent protocol. A decoded one must decode from its own encoding. */
const agentMessages: Target = {
  name: "agent-messages",
  run: (bytes) => {
    const request = attempt(() => decodeRequest(bytes));
    if (request !== undefined) expectEqual(decodeRequest(encodeRequest(request)), request, "request decoded again");
    const answer = attempt(() => decodeAnswer(bytes));
    if (answer !== undefined) expectEqual(decodeAnswer(encodeAnswer(answer)), answer, "answer decoded again");
  },
};

const random = seededRandom(9987);
const key = generateEd25519(random);
const host = generateEd25519(random);
const destinations: readonly Destination[] = [
  {
    from: undefined,
    to: { user: "al*", host: "host", keys: [{ publicKey: host.publicKey.blob, isCertificateAuthority: false }] },
  },
];

const LIMITS = { maxConnections: 2, maxKeys: 4, maxUnsent: 4096 };

/** A connection of the agent with the numbers of its requests and answers. */
class Served {
  readonly connection: AgentConnection;
  ask: AskToken | undefined;
  #answered = 0;

  constructor(connection: AgentConnection) {
    this.connection = connection;
  }

  turn(now: number): void {
    for (let event = this.connection.nextEvent(now); event !== undefined; event = this.connection.nextEvent(now)) {
      if (event.type === "confirm") this.ask = event.token;
      if (event.type === "answered") this.#answered++;
    }
  }

  confirm(isAllowed: boolean, now: number): void {
    if (this.ask === undefined) return;
    const before = this.connection.unsent.length;
    this.connection.confirm(this.ask, isAllowed, now);
    this.ask = undefined;
    if (this.connection.unsent.length > before) this.#answered++;
  }

  /** Takes the output, in which each answer must be valid. */
  take(): void {
    const { unsent } = this.connection;
    let answers = 0;
    for (let at = 0; at < unsent.length; answers++) {
      const length = new DataView(unsent.buffer, unsent.byteOffset + at).getUint32(0);
      decodeAnswer(unsent.subarray(at + 4, at + 4 + length));
      at += 4 + length;
    }
    expectTrue(answers <= this.#answered, "an answer without a request");
    this.connection.sent(unsent.length);
  }
}

/** An agent with two connections. Each step is a string; its first byte selects the action. */
const agentServer: Target = {
  name: "agent-server",
  run: (bytes) => {
    const crypto = {
      privateKey: privateKeyFromFields,
      signatureAlgorithms: defaultSignatureAlgorithms,
      hash: (data: Uint8Array) => new Uint8Array(createHash("sha256").update(data).digest()),
    };
    const agent = new Agent({ crypto, random: seededRandom(1), limits: LIMITS });
    agent.add({ privateKey: key, destinations, confirm: true }, 0);
    const served = [new Served(agent.connect()!), new Served(agent.connect()!)] as const;
    expectEqual(agent.connect(), undefined, "a third connection");
    const input = new Input(bytes);
    let now = 0;
    for (let step = 0; step < 64 && !input.empty; step++) {
      const one = new Input(input.string());
      const action = one.byte();
      const to = served[action & 1]!;
      if (action >> 1 === 0) to.connection.receive(new Writer().string(one.rest()).finish());
      else if (action >> 1 === 1) to.connection.receive(one.rest());
      else if (action >> 1 === 2) to.confirm(one.byte() === 1, now);
      else if (action >> 1 === 3) now += one.byte() * 100;
      else if (action >> 1 === 4) to.connection.end();
      else to.take();
      to.turn(now);
      expectTrue(agent.keys(now).length <= LIMITS.maxKeys, "more keys than the limit");
    }
    for (const { connection } of served) connection.close();
    expectEqual(agent.connectionCount, 0, "connections after the end");
  },
};

/** A client with a request of each kind, and bytes of an agent. Every request gets one event. */
const agentClient: Target = {
  name: "agent-client",
  run: (bytes) => {
    const client = new AgentClient<number>();
    client.list(0);
    client.sign(key.publicKey.blob, "ssh-ed25519", utf8Encode("data"), 1);
    client.query(2);
    client.removeAll(3);
    client.receive(bytes);
    const waiters: number[] = [];
    const drain = (): void => {
      for (let event = client.nextEvent(); event !== undefined; event = client.nextEvent())
        if (event.type !== "closed") waiters.push(event.waiter);
    };
    drain();
    client.end();
    drain();
    expectEqual(waiters, [0, 1, 2, 3], "requests with an event");
  },
};

/** Targets for the agent protocol. */
export const agentTargets: readonly Target[] = [agentMessages, agentServer, agentClient];

/** Returns a step of `agent-server`. */
function step(action: number, ...rest: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.of(action, ...rest.flatMap((one) => [...one]));
}

/** The first inputs of these targets. */
export function agentProtocolSeeds(): Readonly<Record<string, readonly Uint8Array[]>> {
  const data = utf8Encode("data");
  const publicKey = key.publicKey.blob;
  const sessionId = utf8Encode("session");
  const signature = host.sign("ssh-ed25519", sessionId, random);
  const bind = sessionBind.encode({ hostKey: host.publicKey.blob, sessionId, signature, isForwarding: false });
  const login = new Writer().string(sessionId).byte(50).string("alice").string("ssh-connection").string("publickey");
  login.boolean(true).string("ssh-ed25519").string(publicKey);
  const constraints = { lifetime: 1, confirm: true, destinations };
  const requests = [
    encodeRequest({ type: "extension", name: "session-bind@openssh.com", data: bind }),
    encodeRequest({ type: "list" }),
    encodeRequest({ type: "sign", publicKey, data: login.finish(), flags: 0 }),
    encodeRequest({ type: "add", key: { type: "plain", fields: host.fields }, comment: "added", constraints }),
    encodeRequest({ type: "remove", publicKey }),
    encodeRequest({ type: "lock", passphrase: data }),
    encodeRequest({ type: "unlock", passphrase: sessionId }),
    encodeRequest({ type: "unlock", passphrase: data }),
    encodeRequest({ type: "extension", name: "query", data: new Uint8Array(0) }),
    encodeRequest({ type: "add-smartcard", id: "/lib.so", pin: data, constraints: { provider: "/lib.so" } }),
  ];
  const answers = [
    encodeAnswer({ type: "identities", identities: [{ publicKey, comment: "one" }] }),
    encodeAnswer({ type: "signature", signature: key.sign("ssh-ed25519", data, random) }),
    encodeAnswer({ type: "extension", name: "query", data: strings(utf8Encode("session-bind@openssh.com")) }),
    encodeAnswer({ type: "success" }),
  ];
  return {
    "agent-messages": [...requests, ...answers],
    "agent-server": [
      strings(...requests.slice(0, 3).map((one) => step(0, one)), step(4, Uint8Array.of(1)), step(10)),
      strings(...requests.slice(3).map((one) => step(1, one)), step(7, Uint8Array.of(2)), step(11), step(9)),
    ],
    "agent-client": [
      strings(...answers),
      strings(Uint8Array.of(5), Uint8Array.of(30), Uint8Array.of(102), Uint8Array.of(28)),
    ],
  };
}
