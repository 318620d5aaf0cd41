// A session as an input tells it: a byte for the suite, then steps, each a string whose first byte says what is done.

import type { AttackPeer } from "@nacre/testing/attacks/attack-peer";
import { MESSAGE_TABLE, SSH_MSG_KEXINIT } from "@nacre/wire";
import { outcome } from "../../contract.ts";
import { Input, strings } from "../../input.ts";
import type { Policy } from "./subject.ts";
import { type SessionSuite, SUITES } from "./suites.ts";

/** More steps than a whole session takes. */
const MOST_STEPS = 64;

const POLICIES: readonly Policy[] = ["grant", "refuse", "hold"];

/** What steps are played on: one side of a connection with its application, and the peer. */
export interface Played {
  readonly peer: AttackPeer;
  policy: Policy;
  /** The peer logs in, or lets the user in. */
  logIn(): void;
  /** The application does something, as far as it may at this moment: `which` says what. */
  act(which: number, channel: number, data: Uint8Array): void;
  pass(milliseconds: number): void;
}

/** A session, which is done with each step at once. */
interface PlayedSession extends Played {
  /** Ends it and throws whatever was wrong with it at any time. */
  finish(): void;
}

/** A front door, whose application has its turns between the steps. */
interface PlayedDoor extends Played {
  settle(): Promise<void>;
  finish(): Promise<void>;
}

/** One message of each kind that there is: the shortest that is well formed and holds nothing but zeros. */
const SAMPLES: readonly Uint8Array[] = MESSAGE_TABLE.map(({ message }) => {
  for (let length = 1; length < 64; length++) {
    const payload = new Uint8Array(length);
    payload[0] = message.number;
    if (outcome(() => message.decode(payload)).code === undefined) return payload;
  }
  return Uint8Array.of(message.number);
});

/** How many kinds the step `sample` tells apart. */
export const SAMPLE_COUNT: number = SAMPLES.length;

/** What one step does with the rest of its bytes. The number of a step is its place here. */
const STEPS: Readonly<Record<StepName, (subject: Played, rest: Input) => void>> = {
  /** Bytes as they stand. */
  raw: ({ peer }, rest) => peer.raw(rest.rest()),
  /** A payload, sealed as the peer's next packet. */
  send: ({ peer }, rest) => peer.send(rest.rest()),
  /** The same with a sealed byte changed: which, and how. */
  damaged: ({ peer }, rest) => {
    const [at, mask] = [rest.uint32(), rest.byte()];
    const packet = peer.seal(rest.rest());
    packet[at % packet.length]! ^= mask;
    peer.raw(packet);
  },
  /** The same with other padding than there should be. */
  padded: ({ peer }, rest) => {
    const layout = { padding: rest.byte(), paddingField: rest.byte() };
    peer.raw(peer.seal(rest.rest(), layout));
  },
  /** The same in two pieces. */
  split: ({ peer }, rest) => {
    const at = rest.uint32();
    const packet = peer.seal(rest.rest());
    const end = at % packet.length;
    peer.raw(packet.subarray(0, end)).raw(packet.subarray(end));
  },
  identify: ({ peer }) => peer.identify(),
  init: ({ peer }) => peer.init(),
  /** A KEXINIT that the peer stands by. */
  initOf: ({ peer }, rest) => peer.init(SSH_MSG_KEXINIT.decode(rest.rest())),
  run: ({ peer }) => peer.run(),
  newKeys: ({ peer }) => peer.newKeys(),
  useKeys: ({ peer }) => peer.useKeys(),
  handshake: ({ peer }) => peer.handshake(),
  exchange: ({ peer }) => peer.exchange(),
  logIn: (subject) => subject.logIn(),
  /** Something of the application's. */
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
  /** A message of any kind, well formed and otherwise empty. */
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

/** Plays the session that the input tells, and judges it. */
export function play(bytes: Uint8Array, create: (suite: SessionSuite) => PlayedSession): void {
  const { suite, steps } = read(bytes);
  const subject = create(suite);
  for (const step of steps) take(subject, step);
  subject.finish();
}

/** The same with a front door. */
export async function playDoor(bytes: Uint8Array, create: (suite: SessionSuite) => PlayedDoor): Promise<void> {
  const { suite, steps } = read(bytes);
  const door = create(suite);
  for (const step of steps) {
    take(door, step);
    await door.settle();
  }
  await door.finish();
}

interface Step {
  readonly name: StepName;
  readonly rest: Input;
}

function read(bytes: Uint8Array): { readonly suite: SessionSuite; readonly steps: readonly Step[] } {
  const input = new Input(bytes);
  // Any other byte stands for the first suite, which is the quickest by far.
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
    // The peer cannot do what it has no keys or message for. What the session does wrong is kept by the subject.
  }
}

/** The input that tells a session. */
export function script(
  suite: number,
  ...steps: readonly (readonly [StepName, ...(readonly (number | Uint8Array)[])])[]
): Uint8Array {
  const told = steps.map(([name, ...rest]) =>
    Uint8Array.from([NAMES.indexOf(name), ...rest.flatMap((one) => (typeof one === "number" ? [one] : [...one]))]),
  );
  return Uint8Array.from([suite, ...strings(...told)]);
}
