import { signedLogin } from "@nacre/testing/attacks/logins";
import * as message from "@nacre/testing/attacks/messages";
import { hostKey, MODES, otherHostKey, type ProtocolTarget, userKey } from "@nacre/testing/attacks/protocol-target";
import { seededRandom } from "@nacre/testing/random";
import { SSH_MSG_DISCONNECT, SshError } from "@nacre/wire";
import { expect, test } from "vitest";
import { ClientTarget } from "./support/client-target.ts";
import { afterSteps, CLIENT, type Kit, SERVER } from "./support/kits.ts";
import { ServerTarget } from "./support/server-target.ts";

const GOODBYE = SSH_MSG_DISCONNECT.number;

/** Returns the messages that complete the login after the first key exchange. */
function loginOf(target: ProtocolTarget): readonly Uint8Array[] {
  return target instanceof ClientTarget
    ? [message.serviceAccept, message.authSuccess]
    : [message.serviceRequest, signedLogin(target.peer.sessionId, userKey)];
}

/** Asserts that there was no login and no login event. */
function expectNobody(target: ProtocolTarget): void {
  const types = target.events.map(({ type }) => type);
  expect(types.filter((type) => /^(authenticated|query|publickey|password|keyboard-interactive)$/.test(type))).toEqual(
    [],
  );
}

function terrapin(kit: Kit): void {
  const inserted = [message.ignore(), message.debug(), message.unimplemented(), message.unknown(), Uint8Array.of(200)];
  for (const payload of inserted) {
    // Before KEXINIT it is unknown whether the peer is strict, so the error comes with KEXINIT.
    const early = afterSteps(kit, 1);
    early.peer.send(payload).init();
    early.expectClosed("unexpected-message");
    expectNobody(early);

    const between = afterSteps(kit, 2);
    between.peer.send(payload);
    between.expectClosed("unexpected-message");
    expect(between.sent).toEqual([...kit.flights[2]!, GOODBYE]);

    const late = afterSteps(kit, 3);
    late.peer.send(payload);
    late.expectClosed("unexpected-message");
    expectNobody(late);
  }

  // The attack itself: a packet deleted after NEWKEYS is detected, because none could be inserted to compensate.
  for (const peer of Object.values(MODES)) {
    const whole = kit.create({ peer }).handshake();
    // The peer could open the packets after NEWKEYS only because the protocol machine reset its sequence number.
    expect(whole.sent).toEqual(kit.flights[3]);
    expect(whole.peer.sequence).toBe(0);
    whole.peer.send(message.sigAlgs("ssh-ed25519"), ...loginOf(whole));
    whole.expectAlive();

    const target = kit.create({ peer }).handshake();
    target.peer.drop(message.sigAlgs("ssh-ed25519")).send(...loginOf(target));
    // With AES-CTR the key stream is out of step too, so the packet length is garbage.
    expect(["mac-mismatch", "packet-length"]).toContain(target.error?.code);
    target.expectClosed(target.error!.code);
    expectNobody(target);
  }
}

test("Terrapin (CVE-2023-48795) · client", () => terrapin(CLIENT));
test("Terrapin (CVE-2023-48795) · server", () => terrapin(SERVER));

function strictOnRekey(kit: Kit): void {
  for (const peer of Object.values(MODES)) {
    const strict = kit.create({ peer }).login();
    strict.peer.exchange();
    // Both sequence numbers were reset, and the packets can be opened.
    strict.expectAlive();
    expect(strict.peer.sequence).toBe(1);
    strict.machine.rekey();
    strict.turn().peer.exchange();
    strict.expectAlive();
    expect(strict.eventsOf("new-keys").map(({ initial }) => initial)).toEqual([true, false, false]);
  }

  const lax = kit.create({ peer: { strict: false } }).login();
  const letter = kit.side === "client" ? "s" : "c";
  const kexAlgorithms = [
    ...lax.peer.proposal().kexAlgorithms,
    `kex-strict-${letter}-v00@openssh.com`,
    `ext-info-${letter}`,
  ];
  const { sequence } = lax.peer;
  const sent = lax.sent.length;
  lax.peer.exchange({ kexAlgorithms });
  lax.expectAlive();
  expect(lax.peer.sequence).toBe(sequence + 4);
  expect(lax.sent.slice(sent)).not.toContain(7);
  // A strict marker that first appears in a rekey has no effect: IGNORE is still allowed (RFC 4253 §11).
  lax.peer.init({ kexAlgorithms }).send(message.ignore()).run().newKeys();
  lax.expectAlive();
}

test("strict kex on rekey · client", () => strictOnRekey(CLIENT));
test("strict kex on rekey · server", () => strictOnRekey(SERVER));

function extInfo(kit: Kit, allowed: readonly string[], refused: readonly string[]): void {
  for (const strict of [true, false])
    for (const steps of [1, 2, 3]) {
      const target = afterSteps(kit, steps, { peer: { strict } });
      target.peer.send(message.sigAlgs("rsa-sha2-256"));
      target.expectClosed("unexpected-message");
      expectNobody(target);
    }
  // i: EXT_INFO; s, l: the two login messages; f: USERAUTH_FAILURE.
  const run = (sequence: string): ProtocolTarget => {
    const target = kit.create().handshake();
    const [service, login] = loginOf(target);
    const messages = { i: message.extInfo(), s: service, l: login, f: message.authFailure("publickey") };
    for (const letter of sequence) target.peer.send(messages[letter as keyof typeof messages]!);
    return target;
  };
  for (const sequence of allowed) run(sequence).expectAlive();
  for (const sequence of refused) run(sequence).expectClosed("unexpected-message");

  const most = kit.create().handshake();
  most.peer.send(message.extInfo(64));
  most.finish().expectAlive();
  const flood = kit.create().handshake();
  flood.peer.send(message.extInfo(65));
  flood.expectClosed("malformed-message");
}

test("rogue EXT_INFO / session · client", () =>
  extInfo(CLIENT, ["isl", "isil", "sil"], ["iii", "isif", "sii", "sli", "isli"]));
test("rogue EXT_INFO / session · server", () => extInfo(SERVER, ["isl"], ["ii", "si", "isi", "sil", "sli", "isli"]));

function roleConfusion(kit: Kit, ofTheOther: readonly Uint8Array[], kexMessages: readonly number[]): void {
  for (const strict of [true, false])
    for (const number of [...kexMessages, ...ofTheOther.map((payload) => payload[0]!)]) {
      const target = afterSteps(kit, 2, { peer: { strict } });
      target.peer.send(Uint8Array.of(number));
      target.expectClosed("unexpected-message");
      expect(target.sent).toEqual([...kit.flights[2]!, GOODBYE]);
    }
  for (const payload of ofTheOther) {
    const before = kit.create().handshake();
    before.peer.send(payload);
    expect(before.expectClosed("unexpected-message").message).toMatch(
      /only a (client|server) sends|no active method uses/,
    );
    expectNobody(before);
    const after = kit.create().login();
    after.peer.send(payload);
    after.expectClosed("unexpected-message");
  }
}

test("role confusion · client", () => {
  // Messages that only a client sends: key exchange, service and login requests, responses. 33 is a group exchange reply.
  const ofClients = [message.serviceRequest, message.authRequest, message.infoResponse];
  roleConfusion(CLIENT, ofClients, [30, 32, 33, 34]);
  // Message 60 depends on the method in use. Here no method is in use that has it.
  const auth = new ClientTarget().service();
  auth.peer.send(Uint8Array.of(60));
  auth.expectClosed("unexpected-message");
});

test("role confusion · server", () => {
  const ofServers = [
    message.serviceAccept,
    message.authFailure("password"),
    message.authSuccess,
    message.banner("hello"),
    Uint8Array.of(60),
  ];
  roleConfusion(SERVER, ofServers, [31, 32, 33, 34]);
});

/** Messages that are not allowed before the first key exchange has finished. */
const JUMPS = [
  message.serviceAccept,
  message.serviceRequest,
  message.authRequest,
  message.authSuccess,
  message.authFailure("password"),
  message.banner("hello"),
  message.channelOpen("session", 0),
  message.channelConfirmation(0),
  message.globalRequest("x", true),
  message.ping(),
];

function stateSkip(kit: Kit): void {
  for (const strict of [true, false])
    for (const steps of [1, 2])
      for (const payload of [...JUMPS, Uint8Array.of(21)]) {
        const target = afterSteps(kit, steps, { peer: { strict } });
        target.peer.send(payload);
        target.expectClosed("unexpected-message");
        expect(target.sent).toEqual([...kit.flights[steps]!, GOODBYE]);
        expectNobody(target);
      }
  // After the key exchange messages, only NEWKEYS is allowed.
  for (const payload of JUMPS) {
    const target = afterSteps(kit, 3);
    target.peer.send(payload);
    target.expectClosed("unexpected-message");
    expectNobody(target);
  }
}

test("state skip · client", () => {
  stateSkip(CLIENT);
  // While the host key is undecided nothing is sent, and after a refusal only DISCONNECT.
  const asked = new ClientTarget({ hold: ["verify-host-key"] });
  asked.peer.identify().init().reply();
  expect(asked.sent).toEqual([20, 30]);
  asked.peer.newKeys().send(message.serviceAccept, message.authSuccess);
  asked.advance(3_600_000);
  expect(asked.sent).toEqual([20, 30]);
  asked.machine.answerHostKey(asked.eventsOf("verify-host-key")[0]!.token, new SshError("host-key-unknown", "unknown"));
  asked.turn().expectClosed("host-key-unknown");
  expect(asked.sent).toEqual([20, 30, GOODBYE]);

  // A host key without a valid signature causes no event.
  for (const sign of [
    (hash: Uint8Array) => otherHostKey.sign("ssh-ed25519", hash, seededRandom(1)),
    (hash: Uint8Array) => hostKey.sign("ssh-ed25519", hash.toReversed(), seededRandom(1)),
    () => new Uint8Array(0),
  ]) {
    const target = new ClientTarget();
    target.peer.identify().init().reply({ sign });
    target.expectClosed("bad-signature");
    expect(target.eventsOf("verify-host-key")).toEqual([]);
    expect(target.sent).toEqual([20, 30, GOODBYE]);
  }
});

test("state skip · server", () => {
  stateSkip(SERVER);
  // A login before the service request, and connection messages before a login.
  for (const payload of [...JUMPS.slice(2, 6), message.channelConfirmation(0), message.globalRequest("x", true)]) {
    const target = new ServerTarget().handshake();
    target.peer.send(payload);
    target.expectClosed("unexpected-message");
    expectNobody(target);
  }
  // The server sends no reply while the signature of its host key is pending.
  const server = { hostKeys: [{ publicKey: hostKey.publicKey }] };
  const asked = new ServerTarget({ server });
  asked.peer.identify().init().startKex();
  expect(asked.eventsOf("sign-exchange-hash")).toHaveLength(1);
  asked.peer.raw(new Uint8Array(64));
  asked.advance(3_600_000);
  expect(asked.sent).toEqual([20]);
});

/** Messages not allowed during a rekey (RFC 4253 §7.1). */
const NOT_DURING_REKEY = [
  message.channelData(0, 1),
  message.ping(),
  message.globalRequest("x", true),
  message.channelAdjust(0, 1),
  message.channelOpen("session", 77),
  message.unknown(200),
];

function duringRekey(kit: Kit): void {
  // After the peer's KEXINIT, it may send only key exchange messages and messages 1 to 4.
  for (const payload of NOT_DURING_REKEY)
    for (const steps of [1, 2]) {
      const target = kit.create().login();
      target.openChannel();
      target.peer.init();
      if (steps === 2) target.peer.run();
      target.peer.send(payload);
      target.expectClosed("unexpected-message");
      expect([...target.eventsOf("data"), ...target.eventsOf("global-request")].length).toBe(0);
    }
  const goesOn = kit.create().login();
  goesOn.peer.init().send(message.ignore(), message.debug()).run().newKeys();
  goesOn.expectAlive();

  // After our KEXINIT, the peer stalls and floods. We send only key exchange messages.
  const maxQueuedBytes = 64 * 1024;
  const stalled = (): ProtocolTarget => {
    const target = kit.create({ machine: { limits: { maxQueuedBytes } } }).login();
    target.openChannel();
    target.machine.rekey();
    return target.turn();
  };
  const quiet = stalled();
  const before = quiet.sent.length;
  for (let i = 0; i < 150; i++) quiet.peer.send(message.ping(8 * 1024), message.channelData(0, 16 * 1024));
  for (let i = 0; i < 2000; i++) quiet.peer.send(message.ping());
  expect(quiet.error).toBeUndefined();
  expect(quiet.sent).toHaveLength(before);
  // The pings ask for more than 1 MiB of replies, and 2 MiB of data were consumed. The queue stays within its limits of bytes and messages.
  quiet.peer.exchange();
  const waited = quiet.peer.received.slice(before).filter((payload) => payload[0]! >= 50);
  expect(waited.reduce((sum, payload) => sum + payload.length, 0)).toBeLessThanOrEqual(maxQueuedBytes);
  expect(waited.length).toBeLessThanOrEqual(maxQueuedBytes / 64);
  quiet.expectAlive();

  // Replies of the connection layer have the same limit, even short ones. Exceeding it ends the connection.
  for (const payload of [message.globalRequest("keepalive@openssh.com", true), message.channelOpen("x", 7)]) {
    const target = stalled();
    const { length } = target.sent;
    let count = 0;
    for (; count < 10_000 && target.error === undefined; count++) target.peer.send(payload);
    expect(count).toBeLessThanOrEqual(1 + maxQueuedBytes / 64);
    target.expectClosed("rekey-flood");
    expect(target.sent.slice(length)).toEqual([GOODBYE]);
  }

  // Replies to a peer that does not read are limited (CVE-2025-26466).
  for (const start of [() => kit.create().handshake(), () => kit.create().login()]) {
    const target = start();
    target.reading = false;
    for (let i = 0; i < 200; i++) target.peer.send(message.ping(16 * 1024));
    expect(target.error).toBeUndefined();
    const { length } = target.sent;
    target.reading = true;
    target.turn();
    const kept = target.peer.received.slice(length).reduce((sum, payload) => sum + payload.length, 0);
    expect(kept).toBeGreaterThan(0);
    expect(kept).toBeLessThanOrEqual(1024 * 1024);
  }

  // The stalled key exchange times out.
  const slow = stalled();
  slow.advance(59_999);
  expect(slow.error).toBeUndefined();
  slow.advance(1).expectClosed("kex-timeout");
}

/** Asserts that UNIMPLEMENTED is ignored for a packet never sent, but ends the connection immediately for KEXINIT. */
function unimplementedInRekey(kit: Kit): void {
  const target = kit.create().login();
  target.machine.rekey();
  target.turn();
  expect(target.sent.at(-1)).toBe(20);
  target.peer.send(message.unimplemented(2 ** 31));
  expect(target.error).toBeUndefined();
  target.peer.send(message.unimplemented(target.peer.sequenceNumbers.at(-1)));
  expect(target.expectClosed("unexpected-message").message).toContain(
    "does not implement SSH_MSG_KEXINIT (our packet ",
  );
}

test("data during rekey · client", () => {
  duringRekey(CLIENT);
  unimplementedInRekey(CLIENT);
});

test("data during rekey · server", () => {
  duringRekey(SERVER);
  unimplementedInRekey(SERVER);
});
