import {
  concatBytes,
  SSH_MSG_CHANNEL_CLOSE,
  SSH_MSG_CHANNEL_DATA,
  SSH_MSG_CHANNEL_OPEN_CONFIRMATION,
  utf8Encode,
  Writer,
} from "@nacre/wire";
import { decodeAnswer, decodeHello } from "../../../packages/nacre/src/shared/control-messages.ts";
import { FrameReader } from "../../../packages/nacre/src/shared/frames.ts";
import { PlainProtocol } from "../../../packages/nacre/src/shared/plain-protocol.ts";
import { attempt, expectEqual, expectRefusal, expectTrue } from "../contract.ts";
import type { Target } from "../fuzzer/target.ts";
import { strings } from "../input.ts";

/** Reads the frames in these pieces, up to one that is refused. */
function framesIn(pieces: readonly Uint8Array[]): readonly Uint8Array[] {
  const reader = new FrameReader();
  const frames: Uint8Array[] = [];
  for (const piece of pieces) reader.push(piece);
  for (;;) {
    const frame = attempt(() => reader.next());
    if (frame === undefined) return frames;
    frames.push(frame);
  }
}

/** Bytes from a control socket. In one piece and byte by byte they must give the same messages. */
const masterMessages: Target = {
  name: "master-messages",
  run: (stream) => {
    const frames = framesIn([stream]);
    expectEqual(framesIn(Array.from(stream, (byte) => Uint8Array.of(byte))), frames, "frames byte by byte");
    for (const message of [stream, ...frames]) {
      attempt(() => decodeHello(message));
      attempt(() => decodeAnswer(message, 0));
    }
  },
};

/** Packets from a master to a client that opens channels, writes and closes them. */
const sharedConnection: Target = {
  name: "shared-connection",
  run: (stream) => {
    const machine = new PlainProtocol();
    machine.connection.openChannel("session");
    machine.receive(stream);
    machine.end();
    let closed = 0;
    for (let event = machine.nextEvent(); event !== undefined; event = machine.nextEvent()) {
      if (event.type === "channel-opened") {
        machine.connection.write(event.channel, new Uint8Array(10));
        machine.connection.close(event.channel);
      }
      if (event.type === "channel-request" && event.token !== undefined)
        machine.connection.answerRequest(event.token, true);
      if (event.type !== "closed") continue;
      closed++;
      expectRefusal(event.error);
    }
    expectTrue(closed === 1, `${closed} ends of one connection`);
    for (const frame of framesIn([concatBytes(...machine.takeOutput())]))
      expectTrue(frame[0] === 0 && frame[1]! >= 90 && frame[1]! <= 100, `a packet of message ${frame[1]}`);
  },
};

export const masterTargets: readonly Target[] = [masterMessages, sharedConnection];

const number = (value: number): Uint8Array => new Writer().uint32(value).finish();

/** Returns a message of a master without its length field. */
const message = (type: number, ...rest: readonly Uint8Array[]): Uint8Array => concatBytes(number(type), ...rest);

/** Returns a packet of a master without its length field. */
const packet = (payload: Uint8Array): Uint8Array => concatBytes(Uint8Array.of(0), payload);

/** Initial inputs of these targets. */
export function masterSeeds(): Readonly<Record<string, readonly Uint8Array[]>> {
  const recipientChannel = 0;
  const confirmation = packet(
    SSH_MSG_CHANNEL_OPEN_CONFIRMATION.encode({
      recipientChannel,
      senderChannel: 7,
      initialWindowSize: 65_536,
      maximumPacketSize: 32_768,
      data: new Uint8Array(0),
    }),
  );
  const data = packet(SSH_MSG_CHANNEL_DATA.encode({ recipientChannel, data: utf8Encode("out") }));
  const close = packet(SSH_MSG_CHANNEL_CLOSE.encode({ recipientChannel }));
  return {
    "master-messages": [
      strings(message(1, number(4), strings(utf8Encode("name"), utf8Encode("value")))),
      strings(message(0x80000001, number(0)), message(0x8000000f, number(0))),
      strings(message(0x80000005, number(0), number(4711)), message(0x80000007, number(0), number(8080))),
      strings(message(0x90000001, number(0), number(1), strings(utf8Encode("  #0 client-session\r\n")))),
      strings(message(0x80000003, number(0), strings(utf8Encode("Port forwarding failed")))),
    ],
    "shared-connection": [strings(confirmation, data, close), strings(data), strings(packet(Uint8Array.of(82)))],
  };
}
