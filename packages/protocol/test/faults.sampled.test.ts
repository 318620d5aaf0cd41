import { aes128Ctr, chacha20Poly1305, hmacSha256Etm } from "@nacre/ciphers";
import { sample } from "@nacre/testing/sample";
import { bareCipher, toyAlgorithms } from "@nacre/testing/toys";
import { equalBytes, SshError } from "@nacre/wire";
import { describe, expect, it } from "vitest";
import { FAULTS, NO } from "./support/fault-table.ts";
import { ending, type Fault, LiveConnection } from "./support/live-connection.ts";
import { Replay, splitAt, upTo } from "./support/replay.ts";
import type { ConnectionOptions, Role, Side } from "./support/whole-connection.ts";

/*
 * Network faults during a whole connection: bytes split or cut off, and messages dropped, repeated or swapped. The result must be the same
 * as without the fault, or a clean error. No side may wait forever, and an ended protocol machine must not do anything.
 */

const HOUR = 3_600_000;
const FAR = 4 * HOUR;
const KINDS = ["dropped", "repeated", "swapped"] as const;
const ROLES = ["client", "server"] as const;

/** Each kind of login with a real cipher: one that encrypts the packet length, and one that does not. */
const SEALED: readonly ConnectionOptions[] = [
  { login: "key", algorithms: { ...toyAlgorithms, ciphers: [chacha20Poly1305] } },
  { login: "password", algorithms: { ...toyAlgorithms, ciphers: [aes128Ctr], macs: [hmacSha256Etm] } },
];

/** Returns the remaining activity of an ended protocol machine; must be empty. */
function leftOf({ machine, events }: Side): string[] {
  const left: string[] = [];
  const look = (when: string): void => {
    if (machine.deadline() !== undefined) left.push(`a deadline ${when}`);
    if (machine.wantsInput) left.push(`wants input ${when}`);
    if (machine.nextEvent() !== undefined) left.push(`an event ${when}`);
    if (machine.takeOutput().length > 0) left.push(`output ${when}`);
  };
  look("at the end");
  if (events.filter((one) => one.startsWith("closed")).join() !== events.at(-1))
    left.push("more than one closed event");
  machine.receive(new Uint8Array(64));
  machine.end();
  machine.tick(1e12);
  machine.rekey();
  // Calls of an application that has not handled the end yet must have no effect.
  for (const command of [
    () => machine.connection.sendEof(0),
    () => machine.connection.close(0),
    () => machine.connection.write(0, new Uint8Array(8)),
  ])
    try {
      command();
    } catch (error) {
      if (!(error instanceof SshError && /^(usage|closed|channel-closed)$/.test(error.code))) throw error;
    }
  look("after it");
  return left;
}

describe.each(SEALED)("bytes of a connection with login by $login", (options) => {
  const whole = new LiveConnection(options).run(FAR);

  it("form a complete connection without faults", () => {
    expect(whole.now).toBe(0);
    for (const role of ROLES) {
      expect(whole[role].events.filter((one) => one === "new-keys")).toHaveLength(2);
      expect(leftOf(whole[role])).toEqual([]);
    }
    expect(whole.client.events).toContain("exit-status 7");
    expect(whole.client.events.at(-1)).toBe("closed: closed");
    expect(whole.server.events.at(-1)).toBe("closed: disconnected");
    expect([whole.client, whole.server].map(({ result }) => result.stdout.length)).toEqual([300, 400]);
  });

  describe.each(ROLES)("to the %s", (role) => {
    const from = role === "client" ? "server" : "client";
    const { chunks } = whole.wires[from];
    const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    const { result } = whole[role];
    const untouched = new Replay(role, options).receive(...chunks);
    const { output } = untouched;
    const same = (replay: Replay): boolean =>
      equalBytes(replay.output, output) && JSON.stringify(replay.side.result) === JSON.stringify(result);

    it("give the same result when replayed", () => {
      expect(untouched.side.result).toEqual(result);
      expect(length).toBeGreaterThan(1500);
    });

    it("give the same result when split anywhere or received one by one", () => {
      const wrong: number[] = [];
      for (const at of sample(1, length, 29))
        if (!same(new Replay(role, options).receive(...splitAt(chunks, at)))) wrong.push(at);
      expect(wrong).toEqual([]);
      const alone = new Replay(role, options);
      for (const chunk of chunks) for (const byte of chunk) alone.receive(Uint8Array.of(byte));
      expect(same(alone)).toBe(true);
    }, 120_000);

    it("end it with an error wherever they are cut off", () => {
      const line = chunks[0]!.indexOf(0x0a) + 1;
      const wrong: unknown[] = [];
      for (const end of sample(0, length, 29)) {
        const replay = new Replay(role, options).receive(...upTo(chunks, end));
        const sent = replay.output.length;
        const events = replay.side.events.length;
        const early = replay.error?.code;
        const { error } = replay.end();
        const ended = [early, error?.code, error?.culprit];
        const should = [undefined, end > 0 && end < line ? "not-ssh" : "connection-lost", "peer"];
        // `closed` must be the only new event. Nothing more is sent, because the peer is gone. Earlier output is unchanged.
        const quiet = replay.side.events.length === events + 1 && replay.output.length === sent;
        const begun = equalBytes(replay.output, output.subarray(0, sent));
        const left = leftOf(replay.side);
        if (ended.join() !== should.join() || !quiet || !begun || left.length > 0)
          wrong.push({ end, ended, quiet, begun, left });
      }
      expect(wrong).toEqual([]);
      expect(same(new Replay(role, options).receive(...chunks).end())).toBe(true);
    }, 120_000);
  });
});

describe.each([
  ["client", "key", ["verify-host-key", "global-request"]],
  ["client", "password", ["verify-host-key", "password"]],
  ["server", "key", ["publickey", "open-request", "env", "exec"]],
  ["server", "password", ["sign-exchange-hash", "password", "open-request", "env", "exec"]],
] as const)("bytes to a %s with login by %s", (role, login, asks) => {
  const options = SEALED.find((one) => one.login === login)!;
  const { chunks } = new LiveConnection(options).run(FAR).wires[role === "client" ? "server" : "client"];

  it.each(asks)("end the connection if cut off while %s is unanswered; a later answer has no effect", (hold) => {
    const replay = new Replay(role, { ...options, hold });
    const asked = (): boolean => replay.side.events.some((one) => one.startsWith(hold));
    for (const chunk of chunks) if (!asked()) replay.receive(chunk);
    expect([asked(), replay.error]).toEqual([true, undefined]);
    const sent = replay.output.length;
    replay.end();
    expect(replay.error).toMatchObject({ code: "connection-lost", culprit: "peer" });
    try {
      replay.side.answerHeld();
    } catch (error) {
      expect(error).toMatchObject({ code: "usage" });
    }
    expect(leftOf(replay.side)).toEqual([]);
    expect(replay.receive(new Uint8Array()).output).toHaveLength(sent);
  });
});

/** Runs a connection with a fault for hours of simulated time. It must end by itself or stay alive. Returns the outcome. */
function strike(options: ConnectionOptions, whole: LiveConnection, fault: Fault): string {
  const live = new LiveConnection(options, fault).run(FAR);
  const ended = ending(live, whole);
  if (ended === "alive") expectAlive(live);
  for (const role of ROLES) expect([role, leftOf(live[role])]).toEqual([role, []]);
  // No wait for a required message may exceed the longest timeout, `authTimeout` (120 s).
  expect(ended === "alive" || live.now <= 120_000).toBe(true);
  const { error } = live[live.ended!];
  expect(["peer", "caller"]).toContain(error!.culprit);
  expect(error!.culprit === "caller").toBe(error!.code === "closed");
  return live.wires[fault.from].struck ? ended : ended === "same" ? NO : `${ended}, although the fault was not applied`;
}

/** Asserts that both sides still answer, and that a disconnect ends them cleanly. */
function expectAlive(live: LiveConnection): void {
  expect([live.client.error, live.server.error]).toEqual([undefined, undefined]);
  for (const side of [live.client, live.server]) {
    const { replies } = side;
    side.machine.connection.globalRequest("are-you-there@test", new Uint8Array(), { wantReply: true });
    live.pump();
    expect(side.replies).toBe(replies + 1);
  }
  live.client.leave();
  live.pump();
  expect([live.client.error?.code, live.server.error?.code]).toEqual(["closed", "disconnected"]);
}

/** Returns the outcome of each fault applied to each message from one side. */
function struck(options: ConnectionOptions, from: Role): unknown[] {
  const whole = new LiveConnection(options).run(FAR);
  return whole.wires[from].names.map((name, index) => [
    name,
    ...KINDS.map((kind) => strike(options, whole, { kind, from, index })),
  ]);
}

const BARE: ConnectionOptions["algorithms"] = { ...toyAlgorithms, ciphers: [bareCipher] };

describe.each(["key", "password"] as const)("messages of a connection with login by %s", (login) => {
  it.each(ROLES)("from the %s: dropped, repeated or swapped without a MAC that detects it", (from) => {
    expect(struck({ login, algorithms: BARE }, from)).toEqual(FAULTS[login][from]);
  });
});

describe.each(SEALED)("packets of a connection with login by $login", (options) => {
  it.each(ROLES)("from the %s: dropped, repeated or swapped", (from) => {
    const receiver = from === "client" ? "server" : "client";
    const rows = FAULTS[options.login][from];
    const newKeys = rows.findIndex(([name]) => name === "NEWKEYS");
    const should = rows.map((row, index) => {
      const [name, dropped, repeated, swapped] = row;
      // Packets before NEWKEYS are not protected, so the outcome is the same as without a MAC.
      if (index < newKeys) return row;
      // The next packet has the wrong sequence number, so its length decrypts to garbage or its MAC is wrong.
      const hidden = options.login === "key" || index === newKeys;
      const noticed = `${receiver} ${hidden ? "packet-length" : "mac-mismatch"}`;
      const last = index === rows.length - 1;
      // No packet follows SSH_MSG_DISCONNECT, and none comes from a side that waits for a reply.
      const silent = name === "DISCONNECT" || dropped.endsWith("-timeout");
      return [name, silent ? dropped : noticed, last ? repeated : noticed, swapped === NO ? NO : noticed];
    });
    expect(struck(options, from)).toEqual(should);
  });
});
