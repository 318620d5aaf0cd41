import { bareCipher, toyAlgorithms } from "@nacre/testing/toys";
import { equalBytes, SshError } from "@nacre/wire";
import { describe, expect, it } from "vitest";
import { nodeAlgorithms } from "../../node/src/crypto/algorithms.ts";
import { FAULTS, NO } from "./support/fault-table.ts";
import { ending, type Fault, LiveSession } from "./support/live-session.ts";
import { Replay, splitAt, upTo } from "./support/replay.ts";
import type { Role, SessionOptions, Side } from "./support/whole-session.ts";

/*
 * What a wire can do to a whole session. It comes to the same, or to a clean error: nobody waits without end, and nothing is
 * left of a session that is over.
 */

const HOUR = 3_600_000;
const FAR = 4 * HOUR;
const KINDS = ["dropped", "repeated", "swapped"] as const;
const ROLES = ["client", "server"] as const;

/** Each login under a cipher that hides lengths, and one that does not: real ones, which notice what they must. */
const SEALED: readonly SessionOptions[] = [
  { login: "key", algorithms: under("chacha20-poly1305@openssh.com") },
  { login: "password", algorithms: under("aes128-ctr", "hmac-sha2-256-etm@openssh.com") },
];

function under(cipher: string, ...macs: readonly string[]): SessionOptions["algorithms"] {
  return {
    ...toyAlgorithms,
    ciphers: nodeAlgorithms.ciphers.filter(({ name }) => name === cipher),
    macs: nodeAlgorithms.macs.filter(({ name }) => macs.includes(name)),
  };
}

/** What is left of a session that should have ended: nothing is. */
function leftOf({ session, told }: Side): string[] {
  const left: string[] = [];
  const look = (when: string): void => {
    if (session.deadline() !== undefined) left.push(`a deadline ${when}`);
    if (session.wantsInput) left.push(`thirst ${when}`);
    if (session.nextEvent() !== undefined) left.push(`an event ${when}`);
    if (session.takeOutput() !== undefined) left.push(`output ${when}`);
  };
  look("at the end");
  if (told.filter((one) => one.startsWith("closed")).join() !== told.at(-1)) left.push("more than one end");
  session.receive(new Uint8Array(64));
  session.end();
  session.tick(1e12);
  session.rekey();
  // Requests and answers of an application that has not seen the end yet have no effect.
  for (const command of [
    () => session.connection.sendEof(0),
    () => session.connection.close(0),
    () => session.connection.write(0, new Uint8Array(8)),
  ])
    try {
      command();
    } catch (error) {
      if (!(error instanceof SshError && /^(usage|closed|channel-closed)$/.test(error.code))) throw error;
    }
  look("after it");
  return left;
}

describe.each(SEALED)("the bytes of a session with a login by $login", (options) => {
  const whole = new LiveSession(options).run(FAR);

  it("are those of a whole one", () => {
    expect(whole.now).toBe(0);
    for (const role of ROLES) {
      expect(whole[role].told.filter((one) => one === "new-keys")).toHaveLength(2);
      expect(leftOf(whole[role])).toEqual([]);
    }
    expect(whole.client.told).toContain("exit-status 7");
    expect(whole.client.told.at(-1)).toBe("closed: closed");
    expect(whole.server.told.at(-1)).toBe("closed: disconnected");
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

    it("make it do the same again", () => {
      expect(untouched.side.result).toEqual(result);
      expect(length).toBeGreaterThan(1500);
    });

    it("come to the same when they are split anywhere, or come one by one", () => {
      const wrong: number[] = [];
      for (let at = 1; at < length; at++)
        if (!same(new Replay(role, options).receive(...splitAt(chunks, at)))) wrong.push(at);
      expect(wrong).toEqual([]);
      const alone = new Replay(role, options);
      for (const chunk of chunks) for (const byte of chunk) alone.receive(Uint8Array.of(byte));
      expect(same(alone)).toBe(true);
    }, 120_000);

    it("end it wherever they are cut, and never as if nothing were amiss", () => {
      const line = chunks[0]!.indexOf(0x0a) + 1;
      const wrong: unknown[] = [];
      for (let end = 0; end < length; end++) {
        const replay = new Replay(role, options).receive(...upTo(chunks, end));
        const sent = replay.output.length;
        const told = replay.side.told.length;
        const early = replay.error?.code;
        const { error } = replay.end();
        const ended = [early, error?.code, error?.culprit];
        const should = [undefined, end > 0 && end < line ? "not-ssh" : "connection-lost", "peer"];
        // The end is the only event, and nothing more is sent: the peer is gone. Earlier output is unchanged.
        const quiet = replay.side.told.length === told + 1 && replay.output.length === sent;
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
] as const)("the bytes to a %s with a login by %s", (role, login, asks) => {
  const options = SEALED.find((one) => one.login === login)!;
  const { chunks } = new LiveSession(options).run(FAR).wires[role === "client" ? "server" : "client"];

  it.each(asks)("that end while %s is not answered end it at once, and the answer changes nothing", (hold) => {
    const replay = new Replay(role, { ...options, hold });
    const asked = (): boolean => replay.side.told.some((one) => one.startsWith(hold));
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

/** Sessions under a clock that goes on for hours: they end by themselves, or are alive. */
function strike(options: SessionOptions, whole: LiveSession, fault: Fault): string {
  const live = new LiveSession(options, fault).run(FAR);
  const ended = ending(live, whole);
  if (ended === "alive") expectAlive(live);
  for (const role of ROLES) expect([role, leftOf(live[role])]).toEqual([role, []]);
  // kexTimeout and authTimeout are the longest that anybody waits for what must come.
  expect(ended === "alive" || live.now <= 120_000).toBe(true);
  const { error } = live[live.ended!];
  expect(["peer", "caller"]).toContain(error!.culprit);
  expect(error!.culprit === "caller").toBe(error!.code === "closed");
  return live.wires[fault.from].struck ? ended : ended === "same" ? NO : `${ended}, although nothing was struck`;
}

/** Both sides answer, and then part in peace. */
function expectAlive(live: LiveSession): void {
  expect([live.client.error, live.server.error]).toEqual([undefined, undefined]);
  for (const side of [live.client, live.server]) {
    const { replies } = side;
    side.session.connection.globalRequest("are-you-there@test", new Uint8Array(), { wantReply: true });
    live.pump();
    expect(side.replies).toBe(replies + 1);
  }
  live.client.leave();
  live.pump();
  expect([live.client.error?.code, live.server.error?.code]).toEqual(["closed", "disconnected"]);
}

/** What becomes of the session for each message from that side, struck in each way. */
function struck(options: SessionOptions, from: Role): unknown[] {
  const whole = new LiveSession(options).run(FAR);
  return whole.wires[from].names.map((name, index) => [
    name,
    ...KINDS.map((kind) => strike(options, whole, { kind, from, index })),
  ]);
}

const BARE: SessionOptions["algorithms"] = { ...toyAlgorithms, ciphers: [bareCipher] };

describe.each(["key", "password"] as const)("the messages of a session with a login by %s", (login) => {
  it.each(ROLES)("from the %s: dropped, repeated, swapped where no MAC notices it", (from) => {
    expect(struck({ login, algorithms: BARE }, from)).toEqual(FAULTS[login][from]);
  });
});

describe.each(SEALED)("the packets of a session with a login by $login", (options) => {
  it.each(ROLES)("from the %s: dropped, repeated, swapped", (from) => {
    const receiver = from === "client" ? "server" : "client";
    const rows = FAULTS[options.login][from];
    const newKeys = rows.findIndex(([name]) => name === "NEWKEYS");
    const should = rows.map((row, index) => {
      const [name, dropped, repeated, swapped] = row;
      // What comes in the clear is as good as bare.
      if (index < newKeys) return row;
      // The next packet to arrive is not the one whose turn it is: not even its length can be read, or its MAC is wrong.
      const hidden = options.login === "key" || index === newKeys;
      const noticed = `${receiver} ${hidden ? "packet-length" : "mac-mismatch"}`;
      const last = index === rows.length - 1;
      // Nothing arrives after SSH_MSG_DISCONNECT, nor from a side that waits for an answer in vain.
      const silent = name === "DISCONNECT" || dropped.endsWith("-timeout");
      return [name, silent ? dropped : noticed, last ? repeated : noticed, swapped === NO ? NO : noticed];
    });
    expect(struck(options, from)).toEqual(should);
  });
});
