import { aes128Ctr, aes256Gcm, chacha20Poly1305, hmacSha256Etm } from "@nacre/ciphers";
import { PacketReader, PacketWriter } from "@nacre/packet";
import { IMPLEMENTATIONS } from "@nacre/testing/attacks/implementations";
import * as message from "@nacre/testing/attacks/messages";
import { algorithms, MODES, type ProtocolTarget } from "@nacre/testing/attacks/protocol-target";
import { seededRandom } from "@nacre/testing/random";
import { type KexInit, SSH_MSG_DISCONNECT, SSH_MSG_KEXINIT } from "@nacre/wire";
import fc from "fast-check";
import { expect, test } from "vitest";
import { PacketCounter } from "../../../packet/src/counters.ts";
import { ClientTarget } from "./support/client-target.ts";
import { afterSteps, CLIENT, type Kit, SERVER } from "./support/kits.ts";
import { ServerTarget } from "./support/server-target.ts";

const GOODBYE = SSH_MSG_DISCONNECT.number;

/** Returns a packet with its length field changed to `wanted`, as a network attacker can do under any cipher by flipping bits. */
const withLength = (target: ProtocolTarget, wanted: number): Uint8Array => {
  const packet = target.peer.seal(message.ignore(64));
  const { lengthIsPadded, blockSize } = target.peer.shape;
  const least = 1 + 69 + 4;
  const real = least + ((blockSize - ((least + (lengthIsPadded ? 4 : 0)) % blockSize)) % blockSize);
  const data = new DataView(packet.buffer);
  data.setUint32(0, (data.getUint32(0) ^ real ^ wanted) >>> 0);
  return packet;
};

function length(kit: Kit): void {
  const started: Readonly<Record<string, () => ProtocolTarget>> = {
    plaintext: () => afterSteps(kit, 1, { peer: { strict: false } }),
    ...Object.fromEntries(
      IMPLEMENTATIONS.flatMap((implementation, i) =>
        Object.entries(MODES).map(([name, peer]) => [
          `${name} (${i})`,
          () => kit.create({ peer, machine: { algorithms: implementation } }).handshake(),
        ]),
      ),
    ),
  };
  for (const [name, start] of Object.entries(started)) {
    const { blockSize, lengthIsPadded } = start().peer.shape;
    const whole = (length: number): number => length - ((length + (lengthIsPadded ? 4 : 0)) % blockSize);
    // Before login a client has proved nothing, so a server keeps the small limit. A server has proved its host key by now.
    const most = whole(name === "plaintext" || kit.side === "server" ? 35_000 : 256 * 1024);
    const smallest = lengthIsPadded ? 12 : blockSize;
    const header = name.startsWith("aes256-ctr, and MAC") ? 16 : 4;
    for (const wanted of [
      0,
      1,
      4,
      smallest - 1,
      smallest + 1,
      most - 1,
      most + 1,
      most + blockSize,
      2 ** 31,
      2 ** 32 - 1,
    ]) {
      const target = start();
      const { length } = target.sent;
      // The header alone is enough for the error; no further bytes are awaited.
      target.peer.raw(withLength(target, wanted).subarray(0, header));
      const error = target.expectClosed("packet-length");
      if (name !== "plaintext") expect(error.message).not.toMatch(new RegExp(`\\b${wanted}\\b`));
      expect(target.sent.slice(length)).toEqual([GOODBYE]);
    }
    for (const wanted of [smallest, most]) {
      const target = start();
      target.peer.raw(withLength(target, wanted).subarray(0, header));
      expect([name, wanted, target.error?.code]).toEqual([name, wanted, undefined]);
    }

    // Changing any byte after the length gives the same error, so it reveals nothing.
    if (name === "plaintext") continue;
    const goodbyes = new Set<string>();
    const size = start().peer.seal(message.ignore(8)).length;
    for (let at = 4; at < size; at += 5) {
      const target = start();
      const packet = target.peer.seal(message.ignore(8));
      packet[at]! ^= 0x40;
      target.peer.raw(packet);
      goodbyes.add(`${target.expectClosed("mac-mismatch").message} ${target.peer.last(GOODBYE).join()}`);
    }
    expect(goodbyes.size).toBe(1);

    // The login contains the smallest packets: length 12 in CTR, 8 under chacha20-poly1305.
    const login = start();
    login.finish().expectAlive();
  }
}

test("length · client", () => length(CLIENT));
test("length · server", () => length(SERVER));

function padding(kit: Kit): void {
  for (const implementation of IMPLEMENTATIONS)
    for (const peer of Object.values(MODES)) {
      const start = (): ProtocolTarget => kit.create({ peer, machine: { algorithms: implementation } }).login();
      const { blockSize, lengthIsPadded } = start().peer.shape;
      const fill = lengthIsPadded ? 5 : 1;
      // Returns a payload with which this padding length gives whole blocks.
      const around = (padding: number): Uint8Array =>
        message.ignore((blockSize * 16 - ((fill + 5 + padding) % blockSize)) % blockSize);

      for (const padding of [0, 1, 2, 3]) {
        const target = start();
        target.peer.raw(target.peer.seal(around(padding), { padding }));
        target.expectClosed("packet-padding");
      }
      for (const padding of [4, 5, 254, 255]) {
        const target = start();
        target.peer.raw(target.peer.seal(around(padding), { padding }));
        target.expectAlive();
      }
      // A padding length that leaves no payload, or exceeds the packet.
      const payload = around(4);
      for (const [paddingField, fine] of [
        [payload.length + 3, true],
        [payload.length + 4, false],
        [payload.length + 5, false],
        [255, false],
      ] as const) {
        const target = start();
        target.peer.raw(target.peer.seal(payload, { padding: 4, paddingField }));
        if (fine) expect(target.error?.code).not.toBe("packet-padding");
        else target.expectClosed("packet-padding");
      }
      const empty = start();
      const padding = 2 * blockSize - fill;
      empty.peer.raw(empty.peer.seal(new Uint8Array(0), { padding }));
      empty.expectClosed("packet-padding");
    }
}

test("padding, empty payload · client", () => padding(CLIENT));
test("padding, empty payload · server", () => padding(SERVER));

function macChoice(kit: Kit): void {
  const machine = { algorithms: { ...algorithms, macs: [hmacSha256Etm] } };
  const disjoint: Partial<KexInit> = {
    macAlgorithmsClientToServer: ["hmac-md5"],
    macAlgorithmsServerToClient: ["hmac-sha1"],
  };
  for (const cipher of [chacha20Poly1305, aes256Gcm]) {
    const target = kit.create({ machine, peer: { cipher } });
    target.peer.identify().exchange(disjoint);
    target.finish().expectAlive();
    expect(target.machine.negotiated?.clientToServer.mac).toBeUndefined();
    expect(target.machine.negotiated?.serverToClient.mac).toBeUndefined();
  }
  for (const macs of [
    disjoint,
    { ...disjoint, macAlgorithmsClientToServer: [hmacSha256Etm.name] },
    { ...disjoint, macAlgorithmsServerToClient: [hmacSha256Etm.name] },
  ]) {
    const target = kit.create({ machine, peer: { cipher: aes128Ctr, mac: hmacSha256Etm } });
    target.peer.identify().init(macs);
    target.expectClosed("no-common-algorithm");
    expect(target.sent).toEqual([20, GOODBYE]);
  }
}

test("AEAD and MAC choice · client", () => macChoice(CLIENT));
test("AEAD and MAC choice · server", () => macChoice(SERVER));

const inits = (target: ProtocolTarget): number => target.sent.filter((number) => number === 20).length;
function nonce(kit: Kit): void {
  // A rekey starts when the packet limit of either direction or the byte limit of a cipher is reached.
  const packets = kit.create({ machine: { limits: { rekeyPackets: 50 } } }).login();
  for (let i = 0; i < 100 && inits(packets) === 1; i++) packets.peer.send(message.ping());
  expect(inits(packets)).toBe(2);
  expect(packets.peer.sequence).toBeLessThanOrEqual(50);

  const cipher = { ...chacha20Poly1305, maxBytes: 5000 };
  const bytes = kit
    .create({
      machine: { algorithms: { ...algorithms, ciphers: [cipher] }, limits: { rekeyBytes: 2 ** 40 } },
    })
    .login();
  for (let i = 0; i < 100 && inits(bytes) === 1; i++) bytes.peer.send(message.ignore(91));
  expect(inits(bytes)).toBe(2);
  expect(bytes.peer.sequence).toBeLessThan(50);

  // No configurable limit allows a nonce to repeat.
  expect(() => kit.create({ machine: { limits: { rekeyPackets: 2 ** 31 } } })).toThrow("rekeyPackets");
  const boundless = new PacketCounter();
  boundless.newKeys({ resetSequence: false, maxPackets: 2 ** 31 - 1 });
  boundless.packetsSinceKeys = 2 ** 31 - 3;
  boundless.count(16, 0);
  expect(boundless.isUsedUp).toBe(false);
  boundless.count(16, 0);
  expect(boundless.isUsedUp).toBe(true);

  // If the peer never completes a rekey, the connection ends when the sequence numbers are used up.
  const start = { sequenceNumber: 2 ** 32 - 2, packetsSinceKeys: 2 ** 32 - 1 };
  const writer = new PacketWriter({ random: seededRandom(1), start });
  writer.write(message.ignore());
  expect(() => writer.write(message.ignore())).toThrow(expect.objectContaining({ code: "sequence-exhausted" }));
  const reader = new PacketReader({ start });
  const packet = kit.create().peer.seal(message.ignore());
  reader.push(packet);
  expect(reader.next()).toEqual(message.ignore());
  reader.push(packet);
  expect(() => reader.next()).toThrow(expect.objectContaining({ code: "sequence-exhausted" }));
}

test("nonce, sequence · client", () => nonce(CLIENT));
test("nonce, sequence · server", () => nonce(SERVER));

function kexinit(kit: Kit): void {
  // After a wrong guess, one message is ignored, but not a second one.
  const strict = `kex-strict-${kit.side === "client" ? "s" : "c"}-v00@openssh.com`;
  const wrong: Partial<KexInit> = {
    firstKexPacketFollows: true,
    kexAlgorithms: ["sntrup761x25519-sha512", "curve25519-sha256", strict],
  };
  const guessed = Uint8Array.of(kit.kexMessage, 1, 2, 3);
  const guess = afterSteps(kit, 1);
  guess.peer.init(wrong).send(guessed).run().newKeys();
  guess.finish().expectAlive();
  const twice = afterSteps(kit, 1);
  twice.peer.init(wrong).send(guessed, guessed);
  twice.expectClosed("malformed-message");
  expect(twice.sent).toEqual([...kit.flights[2]!, GOODBYE]);
  // After a right guess, the message is not ignored.
  const right = afterSteps(kit, 1);
  right.peer.init({
    firstKexPacketFollows: true,
    serverHostKeyAlgorithms: algorithms.hostKeys.map(({ name }) => name),
  });
  right.peer.send(guessed);
  right.expectClosed("malformed-message");

  // A second KEXINIT, and one with a missing or extra byte.
  const again = afterSteps(kit, 2);
  again.peer.init();
  again.expectClosed("unexpected-message");
  for (const change of [1, -1]) {
    const target = afterSteps(kit, 1);
    const payload = target.peer.makeInit();
    const other = new Uint8Array(payload.length + change);
    other.set(payload.subarray(0, other.length));
    target.peer.send(other);
    target.expectClosed("malformed-message");
    expect(target.sent).toEqual([20, GOODBYE]);
  }

  // Random lists: the result must match an independent implementation of RFC 4253 §7.1.
  const own = SSH_MSG_KEXINIT.decode(afterSteps(kit, 1).peer.last(20));
  const lists = fc.record({
    kexAlgorithms: names(["curve25519-sha256"]),
    serverHostKeyAlgorithms: names(algorithms.hostKeys.map(({ name }) => name)),
    encryptionAlgorithmsClientToServer: names(algorithms.ciphers.map(({ name }) => name)),
    encryptionAlgorithmsServerToClient: names(algorithms.ciphers.map(({ name }) => name)),
    macAlgorithmsClientToServer: names(algorithms.macs.map(({ name }) => name)),
    macAlgorithmsServerToClient: names(algorithms.macs.map(({ name }) => name)),
    compressionAlgorithmsClientToServer: names(["none", "none", "none"]),
    compressionAlgorithmsServerToClient: names(["none", "none", "none"]),
    languagesClientToServer: names(["en"]),
    languagesServerToClient: names(["de"]),
  });
  // Our own lists reversed: always shows whose order takes precedence.
  const reversed = {
    kexAlgorithms: own.kexAlgorithms.toReversed(),
    serverHostKeyAlgorithms: own.serverHostKeyAlgorithms.toReversed(),
    encryptionAlgorithmsClientToServer: own.encryptionAlgorithmsClientToServer.toReversed(),
    encryptionAlgorithmsServerToClient: own.encryptionAlgorithmsServerToClient.toReversed(),
    macAlgorithmsClientToServer: own.macAlgorithmsClientToServer.toReversed(),
    macAlgorithmsServerToClient: own.macAlgorithmsServerToClient.toReversed(),
    compressionAlgorithmsClientToServer: own.compressionAlgorithmsClientToServer.toReversed(),
    compressionAlgorithmsServerToClient: own.compressionAlgorithmsServerToClient.toReversed(),
    languagesClientToServer: own.languagesClientToServer.toReversed(),
    languagesServerToClient: own.languagesServerToClient.toReversed(),
  };
  fc.assert(
    fc.property(lists, (lists) => {
      const target = afterSteps(kit, 1);
      target.peer.init(lists);
      const theirs = { ...own, ...lists };
      const expected = kit.side === "client" ? twin(own, theirs) : twin(theirs, own);
      if (expected === undefined) {
        target.expectClosed("no-common-algorithm");
        expect(target.sent).toEqual([20, GOODBYE]);
      } else {
        expect(target.error?.message).toBeUndefined();
        const { kex, hostKey, clientToServer, serverToClient } = target.machine.negotiated!;
        const chosen = [clientToServer.cipher, clientToServer.mac, serverToClient.cipher, serverToClient.mac];
        expect([kex.name, hostKey.name, ...chosen.map((one) => one?.name)]).toEqual(expected);
      }
    }),
    { numRuns: 150, examples: [[reversed]] },
  );
}

test("KEXINIT · client", () => kexinit(CLIENT));
test("KEXINIT · server", () => kexinit(SERVER));

const line = (length: number): string => `${"SSH-2.0-Attack ".padEnd(length - 2, "x")}\r\n`;

test("banner · client", () => {
  const at = new ClientTarget();
  at.peer.raw(line(255));
  expect(at.eventsOf("identified")).toHaveLength(1);
  const over = new ClientTarget();
  over.peer.raw(line(256));
  over.expectClosed("banner-limit");
  // Rejected before the end of the line arrives.
  const endless = new ClientTarget();
  endless.peer.raw(line(300).slice(0, 255));
  endless.expectClosed("banner-limit");

  const most = new ClientTarget();
  for (let i = 0; i < 1024; i++) most.peer.raw(`${"x".repeat(8190)}\r\n`);
  most.login().expectAlive();
  // An application gets only the first of these 8 MiB.
  const [{ linesBefore } = { linesBefore: [] }] = most.eventsOf("identified");
  expect(linesBefore.length).toBe(8);
  expect(linesBefore[0]).toBe("x".repeat(8190));
  const lines = new ClientTarget();
  lines.peer.raw("x\r\n".repeat(1024));
  expect(lines.error).toBeUndefined();
  lines.peer.raw("x\r\n");
  lines.expectClosed("banner-limit");
  const long = new ClientTarget();
  long.peer.raw("x".repeat(8191));
  expect(long.error).toBeUndefined();
  long.peer.raw("x");
  long.expectClosed("banner-limit");

  // The error quotes the line truncated and escaped.
  const hostile = new ClientTarget();
  hostile.peer.raw(`\x1b[2J${"x".repeat(9000)}`);
  const { message: text } = hostile.expectClosed("banner-limit");
  expect(text).toContain("\\x1b[2J");
  expect(text.length).toBeLessThan(300);

  // One byte per second: the timeout ends it.
  const drip = new ClientTarget();
  let seconds = 0;
  for (; drip.error === undefined && seconds < 1000; seconds++) {
    drip.peer.raw("x");
    drip.advance(1000);
  }
  expect(seconds).toBe(60);
  drip.expectClosed("kex-timeout");
  expect(drip.sent.filter((number) => number !== 20)).toEqual([]);
});

test("banner · server", () => {
  const at = new ServerTarget();
  at.peer.raw(line(255));
  expect(at.eventsOf("identified")).toHaveLength(1);
  for (const text of [line(256), line(300).slice(0, 255), `SSH-${"x".repeat(10_000)}`]) {
    const over = new ServerTarget();
    over.peer.raw(text);
    over.expectClosed("banner-limit");
    expect(over.sent).toEqual([20]);
  }
  // Only a server may send lines before its identification. From a client, the first wrong byte is fatal.
  for (const text of ["hello\r\n", "\r\n", "\n", "x", "SSH", "ssh-2.0-x\r\n", "GET / HTTP/1.1\r\n", "SSH-2.0-\0"]) {
    const target = new ServerTarget();
    target.peer.raw(text);
    if (text === "SSH") target.peer.raw("x");
    target.expectClosed("not-ssh");
    expect(target.eventsOf("identified")).toEqual([]);
  }
  const version = new ServerTarget();
  version.peer.raw("SSH-1.99-Attack\r\n");
  version.expectClosed("protocol-version");

  const drip = new ServerTarget();
  let seconds = 0;
  for (; drip.error === undefined && seconds < 1000; seconds++) {
    drip.peer.raw("SSH-2.0-".padEnd(250, "x").charAt(seconds));
    drip.advance(1000);
  }
  expect(seconds).toBe(60);
  drip.expectClosed("kex-timeout");
  expect(drip.sent.filter((number) => number !== 20)).toEqual([]);
});

/** Generates lists of real and other names in any order, including empty lists and markers. */
function names(real: readonly string[]): fc.Arbitrary<string[]> {
  const others = ["none", "ssh-rsa", "hmac-md5", "3des-cbc", "zlib", "ext-info-s", "a@b"];
  return fc.uniqueArray(fc.constantFrom(...real, ...others), { minLength: 0, maxLength: 6 });
}

/** Negotiates independently (RFC 4253 §7.1): from each list, the client's first name that the server also has. */
function twin(client: KexInit, server: KexInit): (string | undefined)[] | undefined {
  const markers = ["ext-info-c", "ext-info-s", "kex-strict-c-v00@openssh.com", "kex-strict-s-v00@openssh.com"];
  const first = (list: keyof KexInit): string | undefined => {
    for (const name of client[list] as readonly string[])
      for (const other of server[list] as readonly string[]) if (name === other && !markers.includes(name)) return name;
    return undefined;
  };
  const ways = (["ClientToServer", "ServerToClient"] as const).map((way) => {
    const cipher = first(`encryptionAlgorithms${way}`);
    const mac = aead(cipher) ? undefined : first(`macAlgorithms${way}`);
    const compression = first(`compressionAlgorithms${way}`);
    const found = cipher !== undefined && compression !== undefined && (aead(cipher) || mac !== undefined);
    return found ? [cipher, mac] : undefined;
  });
  const [kex, hostKey] = [first("kexAlgorithms"), first("serverHostKeyAlgorithms")];
  if (kex === undefined || hostKey === undefined || ways.includes(undefined)) return undefined;
  return [kex, hostKey, ...ways.flatMap((way) => way!)];
}

const aead = (cipher: string | undefined): boolean => cipher === chacha20Poly1305.name || cipher === aes256Gcm.name;
