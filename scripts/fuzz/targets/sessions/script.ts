// A session as an input tells it: a byte for the suite, then steps, each a string whose first byte says what is done.

import { MESSAGE_TABLE, SSH_MSG_KEXINIT } from "@nacre/wire";
import { attempt, outcome } from "../../contract.ts";
import { Input, strings } from "../../input.ts";
import type { Policy, Subject } from "./subject.ts";
import { type SessionSuite, SUITES } from "./suites.ts";

/** More steps than a whole session takes. */
const MOST_STEPS = 64;

const POLICIES: readonly Policy[] = ["grant", "refuse", "hold"];

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
const STEPS: Readonly<Record<StepName, (subject: Subject, rest: Input) => void>> = {
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
    attempt(() => subject.command(which, channel, rest.rest()));
    subject.work();
    subject.peer.take();
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
export function play(bytes: Uint8Array, create: (suite: SessionSuite) => Subject): void {
  const input = new Input(bytes);
  // Any other byte stands for the first suite, which is the quickest by far.
  const subject = create(SUITES[input.byte()] ?? SUITES[0]!);
  for (let count = 0; !input.empty && count < MOST_STEPS; count++) {
    const step = new Input(input.string());
    if (step.empty) continue;
    const name = NAMES[step.byte() % NAMES.length]!;
    try {
      STEPS[name](subject, step);
    } catch {
      // The peer cannot do what it has no keys or message for. What the session does wrong is kept by the subject.
    }
  }
  subject.finish();
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
