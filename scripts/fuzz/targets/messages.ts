import type { Structure } from "@nacre/wire";
import * as wire from "@nacre/wire";
import { attempt, expectEqual } from "../contract.ts";
import type { Target } from "../fuzzer/target.ts";
import { Input } from "../input.ts";

const MESSAGES = wire.MESSAGE_TABLE.map(({ message }) => message as wire.Message<unknown>);

const STRUCTURES: Readonly<Record<string, unknown>> = {
  userauthPublickey: wire.userauthPublickey,
  userauthPassword: wire.userauthPassword,
  userauthKeyboardInteractive: wire.userauthKeyboardInteractive,
  ptyRequest: wire.ptyRequest,
  x11Request: wire.x11Request,
  envRequest: wire.envRequest,
  execRequest: wire.execRequest,
  subsystemRequest: wire.subsystemRequest,
  windowChange: wire.windowChange,
  xonXoff: wire.xonXoff,
  signalRequest: wire.signalRequest,
  breakRequest: wire.breakRequest,
  exitStatus: wire.exitStatus,
  exitSignal: wire.exitSignal,
  tcpipForward: wire.tcpipForward,
  tcpipChannel: wire.tcpipChannel,
  x11Channel: wire.x11Channel,
  tcpipForwardReply: wire.tcpipForwardReply,
  directStreamlocal: wire.directStreamlocal,
  forwardedStreamlocal: wire.forwardedStreamlocal,
  streamlocalForward: wire.streamlocalForward,
  userauthHostBound: wire.userauthHostBound,
};

/** Names of the structures. The first byte of an input is an index into this list. */
export const STRUCTURE_NAMES: readonly string[] = Object.keys(STRUCTURES);

/** A payload, decoded by each message with its number. */
export const messages: Target = {
  name: "messages",
  run: (payload) => {
    for (const message of MESSAGES) if (message.number === payload[0]) expectCanonical(message, payload);
  },
};

/** A structure inside messages. The first byte selects the structure; the rest is decoded as it. */
export const structures: Target = {
  name: "structures",
  run: (bytes) => {
    const input = new Input(bytes);
    const name = STRUCTURE_NAMES[input.byte() % STRUCTURE_NAMES.length]!;
    expectCanonical(STRUCTURES[name] as Structure<unknown>, input.rest());
  },
};

/**
 * Asserts that a decoded value has one canonical encoding, which decodes to the same value. The received bytes may differ from it: any byte
 * except 0 means true, and text that is not UTF-8 is decoded with replacement characters.
 */
function expectCanonical(structure: Structure<unknown>, bytes: Uint8Array): void {
  const value = attempt(() => structure.decode(bytes));
  if (value === undefined) return;
  const canonical = structure.encode(value);
  const again = structure.decode(canonical);
  expectEqual(structure.encode(again), canonical, `${structure.name} encoded twice`);
  expectEqual(again, value, `${structure.name} decoded again`);
}
