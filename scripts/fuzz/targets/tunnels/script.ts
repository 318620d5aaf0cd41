// Plays a tunnel from an input of steps. Each step is a string; its first byte selects the action.

import { createHmac } from "node:crypto";
import { seededRandom } from "@nacre/testing/random";
import {
  type AttachAttempt,
  ClientTunnel,
  GatewayTunnel,
  type Hmac,
  MAX_MESSAGE_LENGTH,
  resumeProof,
} from "@nacre/tunnel";
import { type Bytes, equalBytes } from "@nacre/wire";
import { attempt, expectEqual, expectTrue } from "../../contract.ts";
import { Input, strings } from "../../input.ts";
import { decoded, TunnelEnd } from "./tunnel-end.ts";

/** Maximum number of steps. */
const MOST_STEPS = 64;

/** Maximum number of bytes that one step writes. */
const MOST_IN_STEP = 2 * 1024 * 1024;

/** Total number of bytes by which the buffers of both ends may grow. */
const SPARE = 3 * 1024 * 1024;

const ID = new Uint8Array(16).fill(1);
const SECRET = new Uint8Array(32).fill(2);

const hmac: Hmac = (key, message) => new Uint8Array(createHmac("sha256", key).update(message).digest());

/** A client, a gateway, and the messages in flight on the WebSocket between them. */
class TunnelPair {
  readonly growth = { spare: SPARE };
  readonly client: TunnelEnd<ClientTunnel>;
  readonly gateway: TunnelEnd<GatewayTunnel>;
  toGateway: Bytes[] = [];
  toClient: Bytes[] = [];
  now = 0;
  /** Whether the client lost its WebSocket. */
  isLost = false;
  readonly #random = seededRandom(1);
  /** Messages of the lost WebSocket that the gateway may still receive. */
  #late: Bytes[] = [];

  constructor() {
    const { growth } = this;
    const request = { ticket: "ticket", host: "example.org", port: 22 };
    this.client = new TunnelEnd("client", new ClientTunnel(request, { hmac, growth }));
    const options = { id: ID, secret: SECRET, address: "", resumeTime: 60_000, hmac, growth };
    this.gateway = new TunnelEnd("gateway", new GatewayTunnel(options));
    expectEqual(decoded(this.client.takeMessage(0)!), { type: "open", ...request }, "the first message");
  }

  get isHonest(): boolean {
    return !this.client.isAttacked;
  }

  /** Returns the end that a number selects. */
  end(which: number): TunnelEnd {
    return which % 2 === 0 ? this.client : this.gateway;
  }

  /** Returns the end that a number selects and marks both ends as attacked: it will receive messages that its peer did not send. */
  attacked(which: number): TunnelEnd {
    this.client.isAttacked = true;
    this.gateway.isAttacked = true;
    return this.end(which);
  }

  /** Moves up to `limit` messages from each end onto the WebSocket. */
  send(limit: number): void {
    const { client, gateway, now } = this;
    for (let i = 0; i < limit; i++) {
      const [up, down] = [client.takeMessage(now), gateway.takeMessage(now)];
      if (up === undefined && down === undefined) return;
      // A lost WebSocket accepts messages but does not deliver them.
      if (up !== undefined && !this.isLost) this.toGateway.push(up);
      if (down !== undefined && !this.isLost) this.toClient.push(down);
    }
  }

  /** Delivers up to `limit` messages in each direction. */
  deliver(limit: number): void {
    for (const message of this.toGateway.splice(0, limit)) this.gateway.receive(message, this.now);
    for (const message of this.toClient.splice(0, limit)) this.client.receive(message, this.now);
  }

  /** Makes the client lose its WebSocket. The gateway receives `reach` more messages, and detaches if `isNoticed`. */
  lose(reach: number, isNoticed: boolean): void {
    if (this.isLost) return;
    this.isLost = true;
    this.client.tunnel.detach();
    for (const message of this.toGateway.splice(0, reach)) this.gateway.receive(message, this.now);
    this.#late = isNoticed ? [] : this.toGateway;
    this.toGateway = [];
    this.toClient = [];
    if (isNoticed) this.gateway.tunnel.detach();
  }

  /** Attaches the client to a new WebSocket. Before the proof, the gateway receives `late` more messages of the lost WebSocket. */
  attach(late: number): void {
    if (!this.ask()) return;
    const challenge = this.gateway.tunnel.challenge(this.#random(32));
    this.client.receive(challenge.message, this.now);
    const answer = this.client.takeMessage(this.now);
    for (const message of this.#late.splice(0, late)) this.gateway.receive(message, this.now);
    if (answer !== undefined) this.isLost = !this.prove(challenge, answer);
  }

  /** Makes the client send ATTACH on a new WebSocket. Returns false if its tunnel cannot attach now. */
  ask(): boolean {
    const { tunnel } = this.client;
    if (!this.isLost || !tunnel.detach()) return false;
    tunnel.attach();
    // Compare only the type: an attacked client may have a different id.
    const { type } = decoded(this.client.takeMessage(this.now)!)!;
    expectEqual(type, "attach", "the first message of another WebSocket");
    return true;
  }

  /** Answers a challenge of the gateway with arbitrary bytes. */
  forge(answer: Bytes): void {
    this.prove(this.gateway.tunnel.challenge(this.#random(32)), answer);
  }

  /** Checks that the gateway accepts only the correct proof, and that a wrong proof changes no state. */
  prove(challenge: AttachAttempt, answer: Bytes): boolean {
    const { tunnel } = this.gateway;
    const before = [tunnel.isAttached, tunnel.isOver, tunnel.buffered];
    const isRight = isProof(challenge.message, answer);
    const isTaken = attempt(() => challenge.prove(answer)) === true;
    this.gateway.takeEvents();
    expectTrue(isRight || !isTaken, "the gateway took a proof without the secret");
    if (!isRight)
      expectEqual([tunnel.isAttached, tunnel.isOver, tunnel.buffered], before, "a gateway after a wrong proof");
    if (this.isHonest && isRight) expectEqual(isTaken, !before[1], "whether the gateway took the right proof");
    expectEqual(attempt(() => challenge.prove(answer)) === true, false, "a second proof");
    return isTaken;
  }

  /** Ends both directions. Checks that all bytes arrive, unless an end received a message that the other did not send. */
  finish(): void {
    const { client, gateway } = this;
    this.attach(0);
    const isWhole = this.isHonest && !this.isLost;
    for (const end of [client, gateway]) {
      end.consumes = true;
      end.consume();
      end.end();
    }
    for (let before = -1; before !== client.received + gateway.received; ) {
      before = client.received + gateway.received;
      for (let i = 0; i < 3; i++) {
        this.send(Infinity);
        this.deliver(Infinity);
      }
    }
    if (isWhole) expectEqual([client.last, gateway.last], ["finished", "finished"], "the last events");
    if (this.isHonest && (client.last ?? gateway.last) === "finished")
      expectEqual([gateway.received, client.received], [client.written, gateway.written], "the lengths received");
    for (const end of [client, gateway]) {
      end.tunnel.discard();
      end.takeEvents();
      end.receive(Uint8Array.of(7, 1), this.now);
    }
    expectEqual(this.growth.spare, SPARE, "what buffers may grow by");
  }
}

/** Action of each step with the rest of its bytes. The first byte of a step is an index into this table. */
const STEPS: Readonly<Record<StepName, (pair: TunnelPair, rest: Input) => void>> = {
  write: (pair, rest) => pair.end(rest.byte()).write(rest.uint32() % MOST_IN_STEP, false),
  writeMessage: (pair, rest) => pair.end(rest.byte()).write(rest.uint32() % MAX_MESSAGE_LENGTH, true),
  end: (pair, rest) => pair.end(rest.byte()).end(),
  /** Chooses whether the application consumes data when it arrives. */
  hold: (pair, rest) => {
    const end = pair.end(rest.byte());
    end.consumes = rest.byte() % 2 === 0;
    if (end.consumes) end.consume();
  },
  acknowledgeAll: (pair, rest) => pair.end(rest.byte()).tunnel.acknowledgeAll(),
  send: (pair, rest) => pair.send(rest.byte()),
  deliver: (pair, rest) => pair.deliver(rest.byte()),
  exchange: (pair) => {
    pair.send(100);
    pair.deliver(100);
  },
  pass: (pair, rest) => {
    pair.now += rest.byte();
  },
  lose: (pair, rest) => pair.lose(rest.byte(), rest.byte() % 2 === 0),
  attach: (pair, rest) => pair.attach(rest.byte()),
  /** Makes the client send ATTACH, which does not reach the gateway. */
  ask: (pair) => void pair.ask(),
  /** Makes one end receive an arbitrary message. */
  inject: (pair, rest) => {
    const end = pair.attacked(rest.byte());
    end.receive(rest.rest(), pair.now);
  },
  /** Makes one end receive up to 255 DATA messages of a given length. */
  flood: (pair, rest) => {
    const end = pair.attacked(rest.byte());
    const [count, length] = [rest.byte(), rest.uint32() % (MAX_MESSAGE_LENGTH + 1)];
    for (let i = 0; i < count; i++) end.receive(new Uint8Array(length + 1).fill(7), pair.now);
  },
  /** Makes the gateway receive an arbitrary answer to a challenge. */
  forge: (pair, rest) => pair.forge(rest.rest() as Bytes),
};

type StepName =
  | "write"
  | "writeMessage"
  | "end"
  | "hold"
  | "acknowledgeAll"
  | "send"
  | "deliver"
  | "exchange"
  | "pass"
  | "lose"
  | "attach"
  | "ask"
  | "inject"
  | "flood"
  | "forge";

const NAMES = Object.keys(STEPS) as StepName[];

/** Plays the steps of the input and checks the tunnel after them. */
export function playTunnel(bytes: Uint8Array): void {
  const input = new Input(bytes);
  const pair = new TunnelPair();
  for (let count = 0; !input.empty && count < MOST_STEPS; count++) {
    const rest = new Input(input.string());
    if (!rest.empty) STEPS[NAMES[rest.byte() % NAMES.length]!](pair, rest);
  }
  pair.finish();
}

/** Encodes steps as an input. */
export function tunnelScript(
  ...steps: readonly (readonly [StepName, ...(readonly (number | Uint8Array)[])])[]
): Uint8Array {
  return strings(
    ...steps.map(([name, ...rest]) =>
      Uint8Array.from([NAMES.indexOf(name), ...rest.flatMap((one) => (typeof one === "number" ? [one] : [...one]))]),
    ),
  );
}

function isProof(challenge: Uint8Array, answer: Uint8Array): boolean {
  const [asked, answered] = [decoded(challenge), decoded(answer)];
  if (asked?.type !== "challenge" || answered?.type !== "prove") return false;
  const claim = { id: ID, nonce: asked.nonce, gatewayReceived: asked.received, clientReceived: answered.received };
  return equalBytes(resumeProof(hmac, SECRET, claim), answered.proof);
}
