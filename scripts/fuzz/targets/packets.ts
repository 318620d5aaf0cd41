import * as noble from "@nacre/ciphers";
import { PacketReader, PacketWriter } from "@nacre/packet";
import { type Suite, suitesOf } from "@nacre/testing/ciphers/suites";
import { seededRandom } from "@nacre/testing/random";
import { concatBytes, SshError } from "@nacre/wire";
import * as aesCtr from "../../../packages/node/src/crypto/aes-ctr.ts";
import * as aesGcm from "../../../packages/node/src/crypto/aes-gcm.ts";
import * as chacha from "../../../packages/node/src/crypto/chacha20-poly1305.ts";
import * as hmac from "../../../packages/node/src/crypto/hmac.ts";
import { expectEqual, expectRefusal, expectTrue } from "../contract.ts";
import type { Target } from "../fuzzer/target.ts";
import { Input } from "../input.ts";

/** Result of reading a stream: the payloads, and the code of the error. */
interface Reading {
  readonly payloads: readonly Uint8Array[];
  readonly code: string | undefined;
}

const MAXIMUM = 4096;

/** A stream of plaintext packets. The payloads must not depend on the chunk size, and must not be longer than the stream. */
export const plainPackets: Target = {
  name: "packets",
  run: (stream) => {
    const whole = read(new PacketReader({ maxPacketLength: MAXIMUM }), stream, stream.length);
    expectEqual(read(new PacketReader({ maxPacketLength: MAXIMUM }), stream, 1), whole, "packets byte by byte");
    expectEqual(
      read(new PacketReader({ maxPacketLength: MAXIMUM }), stream, 7),
      whole,
      "packets in chunks of seven bytes",
    );
    const length = whole.payloads.reduce((sum, payload) => sum + payload.length, 0);
    expectTrue(length <= stream.length, `read ${length} bytes from a stream of ${stream.length}`);
    expectTrue(
      whole.payloads.every((payload) => payload.length > 0),
      "a payload is empty",
    );
  },
};

const NOBLE = suitesOf(noble);
const NODE = suitesOf({ ...aesCtr, ...aesGcm, ...chacha, ...hmac });

/**
 * Encrypted packets with changed bytes. The first byte selects the suite. Then follow payloads, each with an offset and a mask for a change
 * of its sealed packet. Packets before the first changed one must be read as sent, and later ones must not be read. Both implementations
 * must give the same result.
 */
export const sealedPackets: Target = {
  name: "sealed-packets",
  run: (bytes) => {
    const input = new Input(bytes);
    const which = input.byte() % NOBLE.length;
    const [suite, twin] = [NOBLE[which]!, NODE[which]!];
    const random = seededRandom(which + 1);
    const { cipher, mac } = suite;
    const keys = { key: random(cipher.keyLength), iv: random(cipher.ivLength), macKey: random(mac?.keyLength ?? 0) };
    const writer = new PacketWriter({ random });
    writer.useSealer(cipher.createSealer(keys, mac), { resetSequence: false });

    const sent: Uint8Array[] = [];
    const stream: number[] = [];
    let intact: number | undefined;
    while (!input.empty && sent.length < 8) {
      const [offset, mask] = [input.byte(), input.byte()];
      const payload = input.string();
      if (payload.length === 0 || payload.length > MAXIMUM - 300) continue;
      writer.write(payload);
      const packet = concatBytes(...writer.takeOutput());
      if (mask !== 0) {
        packet[offset % packet.length]! ^= mask;
        intact ??= sent.length;
      }
      sent.push(payload);
      stream.push(...packet);
    }
    const trailing = input.rest();
    const all = Uint8Array.from([...stream, ...trailing]);

    const open = ({ cipher, mac }: Suite): PacketReader => {
      const reader = new PacketReader({ maxPacketLength: MAXIMUM });
      reader.useOpener(cipher.createOpener(keys, mac), { resetSequence: false });
      return reader;
    };
    const whole = read(open(suite), all, all.length);
    expectEqual(read(open(suite), all, 11), whole, `${suite.name} in small chunks`);
    expectEqual(read(open(twin), all, all.length), whole, `${suite.name} on node:crypto`);
    expectEqual(whole.payloads, sent.slice(0, intact), `payloads under ${suite.name}`);
  },
};

function read(reader: PacketReader, stream: Uint8Array, chunk: number): Reading {
  const payloads: Uint8Array[] = [];
  try {
    for (let at = 0; at < stream.length; at += chunk) {
      reader.push(stream.subarray(at, at + chunk));
      for (let payload = reader.next(); payload !== undefined; payload = reader.next()) payloads.push(payload.slice());
    }
    return { payloads, code: undefined };
  } catch (error) {
    expectRefusal(error);
    expectStaysFailed(reader, error);
    return { payloads, code: error.code };
  }
}

/** Asserts that a reader stays failed: it must throw the same error again. */
function expectStaysFailed(reader: PacketReader, error: SshError): void {
  try {
    reader.next();
  } catch (again) {
    expectTrue(again === error, "a failed reader throws another error on the next call");
    return;
  }
  expectTrue(false, "a failed reader continues to read");
}
