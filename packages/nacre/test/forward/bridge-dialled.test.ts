import { macrotask } from "@nacre/testing/macrotask";
import { FakeChannel, LOST, UNTOLD } from "@nacre/testing/nacre/fake-channel";
import { FakeDuplex } from "@nacre/testing/nacre/fake-duplex";
import { code } from "@nacre/testing/nacre/outcomes";
import { SshError, utf8Encode } from "@nacre/wire";
import type { Channel } from "nacre";
import { describe, expect, it } from "vitest";
import { bridgeDialled } from "../../src/forward/bridge.ts";
import type { DialHandler } from "../../src/forward/dial.ts";

const REFUSED = new SshError("forward-denied", "no");

/** Records when it is opened and reset, besides the calls. */
class EarlyDuplex extends FakeDuplex {
  override open(handler: FakeDuplex["handler"]): void {
    this.calls.push("open");
    super.open(handler);
  }

  reset(): Promise<void> {
    this.calls.push("reset");
    return this.closing;
  }
}

/** Starts a bridge whose channel is not open yet. `dial` runs when the channel is requested. */
function dialling(dial: (handler: DialHandler) => void = () => {}) {
  const duplex = new EarlyDuplex();
  const channel = new FakeChannel();
  const stop = new AbortController();
  let handler!: DialHandler;
  let outcome: unknown = "pending";
  bridgeDialled(
    (given) => {
      duplex.calls.push("dial");
      handler = given;
      dial(given);
    },
    duplex,
    stop.signal,
  ).then(
    () => {
      outcome = "closed";
    },
    (error: unknown) => {
      outcome = error;
    },
  );
  return {
    duplex,
    channel,
    open: () => handler.opened(channel as unknown as Channel),
    refuse: () => handler.failed(REFUSED),
    abort: () => stop.abort(),
    send: (text: string) => duplex.handler.data(utf8Encode(text)),
    outcome: () => outcome,
  };
}

describe("while the channel is being opened", () => {
  it("requests the channel before it sets up the byte connection", () => {
    expect(dialling().duplex.calls).toEqual(["dial", "open"]);
  });

  it("keeps a copy of one chunk, and sends it as soon as the channel opens", () => {
    const { duplex, channel, open } = dialling();
    const chunk = utf8Encode("early");
    duplex.handler.data(chunk);
    chunk.fill(0);
    expect(duplex.paused).toBe(true);
    open();
    expect([channel.written, channel.calls, duplex.paused]).toEqual(["early", [], false]);
  });

  it.each([
    ["after its bytes", "request"],
    ["without bytes", ""],
  ])("keeps an EOF %s", (_, text) => {
    const { duplex, channel, open, send } = dialling();
    if (text !== "") send(text);
    duplex.handler.ended();
    open();
    expect([channel.written, channel.calls]).toEqual([text, ["end"]]);
  });

  it("is an ordinary bridge afterwards", async () => {
    const { duplex, channel, open, send, outcome } = dialling();
    open();
    send("question");
    channel.handler.data(0, utf8Encode("answer"));
    channel.handler.eof();
    duplex.handler.ended();
    await macrotask();
    expect([channel.written, duplex.written, channel.calls]).toEqual(["question", "answer", ["end", "close"]]);
    expect([duplex.calls, outcome()]).toEqual([["dial", "open", "end", "close"], "closed"]);
  });
});

describe("if the channel does not open", () => {
  it.each<[when: string, dial: (handler: DialHandler) => void]>([
    ["later", () => {}],
    ["at once", ({ failed }) => failed(REFUSED)],
    [
      "with an exception",
      () => {
        throw REFUSED;
      },
    ],
  ])("resets the byte connection, which it has opened before, and rejects (%s)", async (when, dial) => {
    const { duplex, refuse, outcome } = dialling(dial);
    if (when === "later") refuse();
    await macrotask();
    expect([duplex.calls, outcome()]).toEqual([["dial", "open", "reset"], REFUSED]);
  });

  it("rejects only when the byte connection is released", async () => {
    const { duplex, refuse, outcome } = dialling();
    let onReset!: () => void;
    duplex.closing = new Promise((resolve) => {
      onReset = resolve;
    });
    refuse();
    await macrotask();
    expect(outcome()).toBe("pending");
    onReset();
    await macrotask();
    expect(outcome()).toBe(REFUSED);
  });

  it("closes a byte connection that cannot be reset", async () => {
    const { duplex, refuse } = dialling();
    Object.assign(duplex, { reset: undefined });
    refuse();
    await macrotask();
    expect(duplex.calls).toEqual(["dial", "open", "close"]);
  });
});

describe("given up before the channel opens", () => {
  it("resets the byte connection when aborted, and closes a channel that opens later", async () => {
    const { duplex, channel, open, abort, outcome } = dialling();
    abort();
    await macrotask();
    expect([duplex.calls, outcome()]).toEqual([["dial", "open", "reset"], code("closed")]);
    channel.handler = { data() {}, writable() {}, eof() {}, request() {}, closed() {} };
    open();
    expect([channel.written, channel.calls]).toEqual(["", ["close"]]);
  });

  it("rejects if the byte connection breaks, and drops its bytes", async () => {
    const { duplex, channel, open, send, outcome } = dialling();
    send("half");
    duplex.break(LOST);
    await macrotask();
    expect(outcome()).toEqual(code("closed"));
    expect((outcome() as SshError).cause).toBe(LOST);
    channel.handler = { data() {}, writable() {}, eof() {}, request() {}, closed() {} };
    open();
    expect([channel.written, channel.calls]).toEqual(["", ["close"]]);
  });

  it("happens once", async () => {
    const { duplex, refuse, abort, outcome } = dialling();
    refuse();
    abort();
    duplex.break(LOST);
    await macrotask();
    expect([duplex.calls, outcome()]).toEqual([["dial", "open", "reset"], REFUSED]);
  });
});

describe("after the channel opened", () => {
  it("rejects with the error that ended the channel", async () => {
    const { channel, open, outcome } = dialling();
    open();
    channel.finish(LOST);
    await macrotask();
    expect(outcome()).toBe(LOST);
  });

  it("resolves if the peer closes the channel", async () => {
    const { channel, open, outcome } = dialling();
    open();
    channel.finish(undefined, UNTOLD);
    await macrotask();
    expect(outcome()).toBe("closed");
  });
});
