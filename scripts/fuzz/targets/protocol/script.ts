// Plays a connection that an input describes: a byte for the suite, then steps. Each step is a string; its first byte selects the action.

import type { AttackPeer } from "@nacre/testing/attacks/attack-peer";
import { MESSAGE_TABLE, SSH_MSG_KEXINIT } from "@nacre/wire";
import { outcome } from "../../contract.ts";
import { Input, strings } from "../../input.ts";
import type { Policy } from "./subject.ts";
import { type SessionSuite, SUITES } from "./suites.ts";

/** Maximum number of steps, more than a whole connection needs. */
const MOST_STEPS = 64;

const POLICIES: readonly Policy[] = ["grant", "refuse", "hold"];

/** One side of a connection with its application and its peer, on which steps are played. */
export interface Played {
  readonly peer: AttackPeer;
  policy: Policy;
  /** Makes the peer log in (a client), or accept the login (a server). */
  logIn(): void;
  /** Performs an action of the application, selected by `which`. Ignores an action that is invalid in the current state. */
  act(which: number, channel: number, data: Uint8Array): void;
  pass(milliseconds: number): void;
}

/** A protocol machine. It completes each step synchronously. */
interface PlayedMachine extends Played {
  /** Ends the connection. Throws the first fault of the whole run. */
  finish(): void;
}

/** A public function of the library with an application. Its promises settle between the steps. */
interface PlayedEntryPoint extends Played {
  settle(): Promise<void>;
  finish(): Promise<void>;
}

/** One sample of each kind of message: the shortest valid payload with zeros after the message number. */
const SAMPLES: readonly Uint8Array[] = MESSAGE_TABLE.map(({ message }) => {
  for (let length = 1; length < 64; length++) {
    const payload = new Uint8Array(length);
    payload[0] = message.number;
    if (outcome(() => message.decode(payload)).code === undefined) return payload;
  }
  return Uint8Array.of(message.number);
});

/** Number of samples that the step `sample` can select. */
export const SAMPLE_COUNT: number = SAMPLES.length;

/** Action of each step with the rest of its bytes. The first byte of a step is an index into this table. */
const STEPS: Readonly<Record<StepName, (subject: Played, rest: Input) => void>> = {
  /** Sends raw bytes. */
  raw: ({ peer }, rest) => peer.raw(rest.rest()),
  /** Seals a payload as the peer's next packet and sends it. */
  send: ({ peer }, rest) => peer.send(rest.rest()),
  /** Like `send`, with one sealed byte changed. */
  damaged: ({ peer }, rest) => {
    const [at, mask] = [rest.uint32(), rest.byte()];
    const packet = peer.seal(rest.rest());
    packet[at % packet.length]! ^= mask;
    peer.raw(packet);
  },
  /** Like `send`, with wrong padding. */
  padded: ({ peer }, rest) => {
    const layout = { padding: rest.byte(), paddingField: rest.byte() };
    peer.raw(peer.seal(rest.rest(), layout));
  },
  /** Like `send`, in two pieces. */
  split: ({ peer }, rest) => {
    const at = rest.uint32();
    const packet = peer.seal(rest.rest());
    const end = at % packet.length;
    peer.raw(packet.subarray(0, end)).raw(packet.subarray(end));
  },
  identify: ({ peer }) => peer.identify(),
  init: ({ peer }) => peer.init(),
  /** Sends this KEXINIT, which the peer then uses in its key exchange. */
  initOf: ({ peer }, rest) => peer.init(SSH_MSG_KEXINIT.decode(rest.rest())),
  run: ({ peer }) => peer.run(),
  newKeys: ({ peer }) => peer.newKeys(),
  useKeys: ({ peer }) => peer.useKeys(),
  handshake: ({ peer }) => peer.handshake(),
  exchange: ({ peer }) => peer.exchange(),
  logIn: (subject) => subject.logIn(),
  /** Performs an action of the application. */
  command: (subject, rest) => {
    const [which, channel] = [rest.byte(), rest.byte() % 4];
    subject.act(which, channel, rest.rest());
  },
  policy: (subject, rest) => {
    subject.policy = POLICIES[rest.byte() % POLICIES.length]!;
  },
  pass: (subject, rest) => {
    subject.pass(rest.uint32());
    subject.peer.take();
  },
  /** Sends a sample of one kind of message. */
  sample: ({ peer }, rest) => peer.send(SAMPLES[rest.byte() % SAMPLES.length]!),
};

export type StepName =
  | "raw"
  | "send"
  | "damaged"
  | "padded"
  | "split"
  | "identify"
  | "init"
  | "initOf"
  | "run"
  | "newKeys"
  | "useKeys"
  | "handshake"
  | "exchange"
  | "logIn"
  | "command"
  | "policy"
  | "pass"
  | "sample";

const NAMES = Object.keys(STEPS) as StepName[];

/** Plays the connection that the input describes, and checks it. */
export function play(bytes: Uint8Array, create: (suite: SessionSuite) => PlayedMachine): void {
  const { suite, steps } = read(bytes);
  const subject = create(suite);
  for (const step of steps) take(subject, step);
  subject.finish();
}

/** Does the same with a public function of the library. */
export async function playEntryPoint(
  bytes: Uint8Array,
  create: (suite: SessionSuite) => PlayedEntryPoint,
): Promise<void> {
  const { suite, steps } = read(bytes);
  const entryPoint = create(suite);
  for (const step of steps) {
    take(entryPoint, step);
    await entryPoint.settle();
  }
  await entryPoint.finish();
}

interface Step {
  readonly name: StepName;
  readonly rest: Input;
}

function read(bytes: Uint8Array): { readonly suite: SessionSuite; readonly steps: readonly Step[] } {
  const input = new Input(bytes);
  // Any other byte selects the first suite, which is the fastest by far.
  const suite = SUITES[input.byte()] ?? SUITES[0]!;
  const steps: Step[] = [];
  for (let count = 0; !input.empty && count < MOST_STEPS; count++) {
    const rest = new Input(input.string());
    if (!rest.empty) steps.push({ name: NAMES[rest.byte() % NAMES.length]!, rest });
  }
  return { suite, steps };
}

function take(subject: Played, { name, rest }: Step): void {
  try {
    STEPS[name](subject, rest);
  } catch {
    // The peer may lack the keys or the message for this step. The subject has recorded any fault of the protocol machine.
  }
}

/** Returns the input that describes a connection. */
export function script(
  suite: number,
  ...steps: readonly (readonly [StepName, ...(readonly (number | Uint8Array)[])])[]
): Uint8Array {
  const told = steps.map(([name, ...rest]) =>
    Uint8Array.from([NAMES.indexOf(name), ...rest.flatMap((one) => (typeof one === "number" ? [one] : [...one]))]),
  );
  return Uint8Array.from([suite, ...strings(...told)]);
}
