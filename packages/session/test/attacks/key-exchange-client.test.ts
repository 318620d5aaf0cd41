import { SSH_MSG_DISCONNECT, SshError } from "@nacre/wire";
import { expect, test } from "vitest";
import { seededRandom } from "../../../transport/test/support/random.ts";
import { afterSteps, ClientTarget, hostKey, MODES, otherHostKey } from "./support/client-target.ts";
import * as message from "./support/messages.ts";

const GOODBYE = SSH_MSG_DISCONNECT.number;
test("Terrapin (CVE-2023-48795) · client", () => {
  const inserted = [message.ignore(), message.debug(), message.unimplemented(), message.unknown(), Uint8Array.of(200)];
  for (const payload of inserted) {
    // Before KEXINIT nothing is known of the server: there the error comes with the KEXINIT.
    const early = afterSteps(1);
    early.peer.send(payload).init();
    early.expectClosed("unexpected-message");
    expect(early.loginLeft).toBe(false);

    const between = afterSteps(2);
    between.peer.send(payload);
    between.expectClosed("unexpected-message");
    expect(between.sent).toEqual([20, 30, GOODBYE]);

    const late = afterSteps(3);
    late.peer.send(payload);
    late.expectClosed("unexpected-message");
    expect(late.eventsOf("authenticated")).toEqual([]);
  }

  // The attack itself: what was deleted behind NEWKEYS is missed, because nothing could be inserted to hide it.
  for (const mode of Object.values(MODES)) {
    const target = new ClientTarget({ peer: mode });
    target.handshake();
    // Had our numbers not started anew, the peer could not have opened what came after NEWKEYS.
    expect(target.sent).toEqual([20, 30, 21, 5, 50]);
    expect(target.peer.sequence).toBe(0);
    const whole = new ClientTarget({ peer: mode }).handshake();
    whole.peer.send(message.sigAlgs("ssh-ed25519"), message.serviceAccept, message.authSuccess);
    whole.expectAlive();
    target.peer.drop(message.sigAlgs("ssh-ed25519")).send(message.serviceAccept, message.authSuccess);
    // An AES-CTR stream loses its place as well, and then the length is not one.
    expect(["mac-mismatch", "packet-length"]).toContain(target.error?.code);
    target.expectClosed(target.error!.code);
    expect(target.eventsOf("authenticated")).toEqual([]);
  }
});

test("strict kex on rekey · client", () => {
  for (const mode of Object.values(MODES)) {
    const strict = new ClientTarget({ peer: mode }).login();
    strict.peer.exchange();
    // The peer's own count has restarted, and it opens what the client sends with numbers that have.
    strict.expectAlive();
    expect(strict.peer.sequence).toBe(1);
    strict.session.rekey();
    strict.turn().peer.exchange();
    strict.expectAlive();
    expect(strict.eventsOf("new-keys").map(({ initial }) => initial)).toEqual([true, false, false]);
  }

  const lax = new ClientTarget({ peer: { strict: false } }).login();
  const { kexAlgorithms } = lax.peer.proposal();
  lax.peer.exchange({ kexAlgorithms: [...kexAlgorithms, "kex-strict-s-v00@openssh.com", "ext-info-s"] });
  lax.expectAlive();
  expect(lax.peer.sequence).toBeGreaterThan(5);
  // A later exchange that is strict in name only still admits what RFC 4253 §11 does.
  lax.peer.init({ kexAlgorithms: [...kexAlgorithms, "kex-strict-s-v00@openssh.com"] }).send(message.ignore());
  lax.peer.reply().newKeys();
  lax.expectAlive();
});

test("rogue EXT_INFO / session · client", () => {
  for (const strict of [true, false])
    for (const steps of [1, 2, 3]) {
      const target = afterSteps(steps, { peer: { strict } });
      target.peer.send(message.sigAlgs("rsa-sha2-256"));
      target.expectClosed("unexpected-message");
      expect(target.eventsOf("authenticated")).toEqual([]);
    }

  const first = new ClientTarget().handshake();
  first.peer.send(message.sigAlgs("ssh-ed25519"), message.serviceAccept, message.authSuccess);
  first.expectAlive();
  const second = new ClientTarget().handshake();
  second.peer.send(message.extInfo(), message.serviceAccept, message.extInfo(), message.authSuccess);
  second.expectAlive();

  const otherPlaces: readonly (readonly Uint8Array[])[] = [
    // Three times, or a second time with something else than SUCCESS behind it.
    [message.extInfo(), message.extInfo(), message.extInfo()],
    [message.extInfo(), message.serviceAccept, message.extInfo(), message.authFailure("publickey")],
    [message.serviceAccept, message.extInfo(), message.extInfo()],
    // After login.
    [message.serviceAccept, message.authSuccess, message.extInfo()],
  ];
  for (const payloads of otherPlaces) {
    const target = new ClientTarget().handshake();
    target.peer.send(...payloads);
    target.expectClosed("unexpected-message");
  }

  const most = new ClientTarget().handshake();
  most.peer.send(message.extInfo(64), message.serviceAccept, message.authSuccess);
  most.expectAlive();
  const flood = new ClientTarget().handshake();
  flood.peer.send(message.extInfo(65));
  flood.expectClosed("malformed-message");
});

test("role confusion · client", () => {
  // What only a client sends: a key exchange value, requests of service and login, responses.
  for (const strict of [true, false])
    for (const payload of [[30], [32], [34], [5], [50], [61]]) {
      const target = afterSteps(2, { peer: { strict } });
      target.peer.send(Uint8Array.from(payload));
      target.expectClosed("unexpected-message");
      expect(target.sent).toEqual([20, 30, GOODBYE]);
    }
  for (const payload of [message.serviceRequest, message.authRequest, message.infoResponse]) {
    const before = new ClientTarget().handshake();
    before.peer.send(payload);
    expect(before.expectClosed("unexpected-message").message).toMatch(/only a client sends|no meaning/);
    const after = new ClientTarget().login();
    after.peer.send(payload);
    after.expectClosed("unexpected-message");
  }
  // A reply of group exchange under curve25519.
  const method = afterSteps(2);
  method.peer.send(Uint8Array.of(33));
  method.expectClosed("unexpected-message");
  // 60 means something under the method in use only: here no question was asked that it could answer.
  const auth = new ClientTarget().service();
  auth.peer.send(Uint8Array.of(60));
  auth.expectClosed("unexpected-message");
});

test("state skip · client", () => {
  const jumps = [
    message.serviceAccept,
    message.authSuccess,
    message.authFailure("password"),
    message.banner("hello"),
    message.channelOpen("session", 0),
    message.channelConfirmation(0),
    message.globalRequest("x", true),
    Uint8Array.of(21),
  ];
  for (const strict of [true, false])
    for (const steps of [1, 2])
      for (const payload of jumps) {
        const target = afterSteps(steps, { peer: { strict } });
        target.peer.send(payload);
        target.expectClosed("unexpected-message");
        expect(target.sent).toEqual(steps === 1 ? [20, GOODBYE] : [20, 30, GOODBYE]);
      }
  // With the proof already there, NEWKEYS is what comes next and nothing else.
  for (const payload of jumps.slice(0, -1)) {
    const target = afterSteps(3);
    target.peer.send(payload);
    target.expectClosed("unexpected-message");
    expect(target.eventsOf("authenticated")).toEqual([]);
  }

  // As long as the host key is being decided about nothing leaves, whatever comes; and nothing after it was refused.
  const asked = new ClientTarget({ onEvent: ({ type }) => type === "verify-host-key" });
  asked.peer.identify().init().reply();
  expect(asked.sent).toEqual([20, 30]);
  asked.peer.newKeys().send(message.serviceAccept, message.authSuccess);
  asked.advance(3_600_000);
  expect(asked.sent).toEqual([20, 30]);
  asked.session.answerHostKey(asked.eventsOf("verify-host-key")[0]!.token, new SshError("host-key-unknown", "unknown"));
  asked.turn().expectClosed("host-key-unknown");
  expect(asked.sent).toEqual([20, 30, GOODBYE]);

  // A key that the server does not hold is not even asked about.
  for (const sign of [
    (hash: Uint8Array) => otherHostKey.sign("ssh-ed25519", hash, seededRandom(1)),
    (hash: Uint8Array) =>
      hostKey.sign(
        "ssh-ed25519",
        hash.map((byte) => byte ^ 1),
        seededRandom(1),
      ),
    () => new Uint8Array(0),
  ]) {
    const target = afterSteps(2);
    target.peer.reply({ sign });
    target.expectClosed("bad-signature");
    expect(target.eventsOf("verify-host-key")).toEqual([]);
    expect(target.sent).toEqual([20, 30, GOODBYE]);
  }
});

test("data during rekey · client", () => {
  // The server has begun: from it only the exchange and 1 to 4 may come.
  const forbidden = [
    message.channelData(0, 1),
    message.ping(),
    message.globalRequest("x", true),
    message.channelAdjust(0, 1),
  ];
  for (const payload of forbidden) {
    const target = new ClientTarget().login();
    target.openChannel();
    target.peer.init().send(payload);
    target.expectClosed("unexpected-message");
    expect(target.eventsOf("data")).toEqual([]);
  }
  const allowed = new ClientTarget().login();
  allowed.peer.init().send(message.ignore(), message.debug(), message.unimplemented(2 ** 31));
  expect(allowed.error?.code).toBe("unexpected-message"); // UNIMPLEMENTED for a packet that we never sent.
  const goesOn = new ClientTarget().login();
  goesOn.peer.init().send(message.ignore(), message.debug()).reply().newKeys();
  goesOn.expectAlive();

  // We have begun and the server stalls: it floods, and we send nothing but key exchange.
  const maxQueuedBytes = 64 * 1024;
  const stalled = (): ClientTarget => {
    const target = new ClientTarget({ client: { limits: { maxQueuedBytes } } }).login();
    target.openChannel();
    target.session.rekey();
    return target.turn();
  };
  const quiet = stalled();
  const before = quiet.sent.length;
  for (let i = 0; i < 150; i++) quiet.peer.send(message.ping(8 * 1024), message.channelData(0, 16 * 1024));
  for (let i = 0; i < 2000; i++) quiet.peer.send(message.ping());
  expect(quiet.error).toBeUndefined();
  expect(quiet.sent).toHaveLength(before);
  // More than 1 MiB was asked back for and 2 MiB consumed: what has waited is no more than the limit, in bytes and in number.
  quiet.peer.exchange();
  const waited = quiet.peer.received.slice(before).filter((payload) => payload[0]! >= 50);
  expect(waited.reduce((sum, payload) => sum + payload.length, 0)).toBeLessThanOrEqual(maxQueuedBytes);
  expect(waited.length).toBeLessThanOrEqual(maxQueuedBytes / 64);
  quiet.expectAlive();

  // What the layer above answers meets the same bound, however short the answers are, and ends it.
  for (const payload of [message.globalRequest("keepalive@openssh.com", true), message.channelOpen("x", 7)]) {
    const target = stalled();
    const { length } = target.sent;
    let count = 0;
    for (; count < 10_000 && target.error === undefined; count++) target.peer.send(payload);
    expect(count).toBeLessThanOrEqual(1 + maxQueuedBytes / 64);
    target.expectClosed("rekey-flood");
    expect(target.sent.slice(length)).toEqual([GOODBYE]);
  }

  // And the stall itself ends.
  const slow = stalled();
  slow.advance(59_999);
  expect(slow.error).toBeUndefined();
  slow.advance(1).expectClosed("kex-timeout");
});
