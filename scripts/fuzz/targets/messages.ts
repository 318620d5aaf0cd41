import type { Structure } from "@nacre/wire";
import * as wire from "@nacre/wire";
import { attempt, expectEqual } from "../contract.ts";
import type { Target } from "../engine/target.ts";
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
};

/** A structure's place here is the byte by which an input names it. */
export const STRUCTURE_NAMES: readonly string[] = Object.keys(STRUCTURES);

/** A payload, read by each message that has its number. */
export const messages: Target = {
  name: "messages",
  run: (payload) => {
    for (const message of MESSAGES) if (message.number === payload[0]) expectCanonical(message, payload);
  },
};

/** What stands inside of messages: a byte says which of it, the rest is read as that. */
export const structures: Target = {
  name: "structures",
  run: (bytes) => {
    const input = new Input(bytes);
    const name = STRUCTURE_NAMES[input.byte() % STRUCTURE_NAMES.length]!;
    expectCanonical(STRUCTURES[name] as Structure<unknown>, input.rest());
  },
};

/**
 * What was understood is said again in one way only. The bytes that came may say it otherwise: any byte but 0 means true, and
 * text that is not UTF-8 is read with replacements.
 */
function expectCanonical(structure: Structure<unknown>, bytes: Uint8Array): void {
  const value = attempt(() => structure.decode(bytes));
  if (value === undefined) return;
  const canonical = structure.encode(value);
  const again = structure.decode(canonical);
  expectEqual(structure.encode(again), canonical, `${structure.name} encoded twice`);
  expectEqual(again, value, `${structure.name} decoded again`);
}
