import { settle } from "@nacre/testing/nacre/network";
import { code, failure } from "@nacre/testing/nacre/outcomes";
import { algorithms, hostKey, userKey } from "@nacre/testing/protocol/pair";
import { TestServer } from "@nacre/testing/protocol/server";
import { seededRandom } from "@nacre/testing/random";
import { sample } from "@nacre/testing/sample";
import { concatBytes, execRequest, SSH_MSG_DEBUG, utf8Encode } from "@nacre/wire";
import { type Channel, type Client, type ConnectEvent, connect, type Duplex, type DuplexHandler } from "nacre";
import { describe, expect, it, onTestFinished, vi } from "vitest";

/** How the connection ends that the client leaves. */
type Ending = "FIN" | "reset" | "silence";

/** A byte connection to a server in memory. From `hold` on, the server's bytes wait for the test. */
class Line implements Duplex {
  readonly server = new TestServer({ algorithms, random: seededRandom(2), hostKey });
  readonly calls: string[] = [];
  #handler: DuplexHandler | undefined;
  #held: Uint8Array[] | undefined;

  open(handler: DuplexHandler): void {
    this.#handler = handler;
    this.server.transport.start(0);
    queueMicrotask(() => this.flush());
  }

  write(pieces: readonly Uint8Array[]): boolean {
    if (this.calls.length > 0 && pieces.length > 0) this.calls.push("write");
    for (const piece of pieces) this.server.transport.receive(piece);
    queueMicrotask(() => this.flush());
    return true;
  }

  pause(): void {}

  resume(): void {}

  async end(): Promise<void> {
    this.calls.push("end");
  }

  async close(): Promise<void> {
    this.calls.push("close");
    this.#handler = undefined;
  }

  /** Keeps the server's bytes from now on. */
  hold(): void {
    this.#held = [];
  }

  /** Passes the first bytes of those that are held, then the end. */
  deliver(length: number, ending: Ending): void {
    const bytes = this.held.subarray(0, length);
    if (bytes.length > 0) this.#handler?.data(bytes);
    if (ending === "FIN") this.#handler?.ended();
    if (ending === "reset") this.#handler?.failed(new Error("ECONNRESET"));
  }

  get held(): Uint8Array {
    return concatBytes(...(this.#held ?? []));
  }

  /** Lets the server handle what has come, and passes its answer on. */
  flush(): void {
    this.server.turn();
    const output = this.server.transport.takeOutput();
    if (this.#held !== undefined) this.#held.push(...output);
    else for (const bytes of output) this.#handler?.data(bytes);
  }
}

interface Left {
  readonly client: Client;
  readonly line: Line;
  readonly channel: Channel;
  readonly events: ConnectEvent[];
  /** What reached the application after `end`. */
  readonly said: unknown[];
  /** Resolves when the client has ended. */
  readonly ending: Promise<void>;
}

/** Connects, runs a command, asks for a reply, and ends the client at once. */
async function left(before = (_client: Client, _line: Line): void => {}): Promise<Left> {
  const line = new Line();
  const events: ConnectEvent[] = [];
  const client = await connect(line, {
    user: "alice",
    hostKey: () => true,
    identities: [userKey],
    algorithms,
    random: seededRandom(1),
    events: (event) => events.push(event),
  });
  const channel = await client.openChannel("session");
  const said: unknown[] = [];
  channel.handler = {
    data: (_, bytes) => void said.push(`data ${bytes.length}`),
    writable: () => {},
    eof: () => void said.push("eof"),
    request: (request) => void said.push(request.requestType),
    closed: ({ broken }) => void said.push(broken ? "broken" : "closed"),
  };
  await settle(4);
  line.hold();
  before(client, line);
  channel.request("exec", execRequest.encode({ command: utf8Encode("x") }), (success) =>
    said.push(success ? "granted" : "refused"),
  );
  client.globalRequest("a@example.org", new Uint8Array(0), ({ success }) => said.push(`global ${success}`));
  const ending = client.end();
  await settle(4);
  return { client, line, channel, events, said, ending };
}

const ALL = ["granted", "data 6", "exit-status", "eof", "closed", "global false"];

/** What an application learns if the first `count` messages of `ALL` arrive: each callback is called once. */
function outcomeOf(count: number): readonly unknown[] {
  const lost = [count < 6 && "global false", count < 1 && "refused", count < 5 && "broken"];
  return [...ALL.slice(0, count), ...lost.filter((one) => one !== false)];
}

function virtualTimers(): void {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
}

describe("a client that is ended", () => {
  it("says goodbye, ends its direction, and handles what comes until the server ends the other one", async () => {
    virtualTimers();
    const { client, line, said, ending, events } = await left();
    expect(line.server.events.at(-2)).toMatchObject({ type: "disconnect", reasonCode: 11 });
    expect(line.calls).toEqual(["end"]);
    line.deliver(line.held.length, "FIN");
    await ending;
    expect(said).toEqual(ALL);
    expect(line.calls).toEqual(["end", "close"]);
    expect(await client.ended).toEqual(code("closed"));
    expect(events.map(({ type }) => type)).toEqual(["identified", "kex"]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("waits two seconds for a server that does not end its direction, whatever it sends", async () => {
    virtualTimers();
    const { line, said, ending } = await left();
    let isOver = false;
    void ending.then(() => (isOver = true));
    line.deliver(line.held.length, "silence");
    for (let i = 0; i < 19; i++) {
      await vi.advanceTimersByTimeAsync(100);
      line.server.transport.sink.write(SSH_MSG_DEBUG.encode({ alwaysDisplay: false, message: "", languageTag: "" }));
      line.hold();
      line.flush();
      line.deliver(line.held.length, "silence");
    }
    await settle(4);
    expect(isOver).toBe(false);
    await vi.advanceTimersByTimeAsync(100);
    await ending;
    expect(said).toEqual(ALL);
    expect(line.calls).toEqual(["end", "close"]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("starts nothing more, and accepts nothing", async () => {
    let accepted: unknown = "nobody asked";
    const { client, line, channel, ending } = await left((leaving, { server }) => {
      leaving.accept("news@example.org", (open) => {
        accepted = open.accept();
      });
      server.connection.openChannel("news@example.org", undefined);
    });
    expect(await failure(client.exec("x"))).toEqual(code("closed"));
    expect(await failure(client.openChannel("a@example.org"))).toEqual(code("closed"));
    expect(() => client.globalRequest("a@example.org", new Uint8Array(0))).toThrow(code("closed"));
    channel.notify("signal", new Uint8Array(0));
    line.deliver(line.held.length, "FIN");
    await ending;
    expect(accepted).toBeUndefined();
    expect(line.calls).toEqual(["end", "close"]);
  });

  it("may be ended and closed again", async () => {
    const { client, line, ending } = await left();
    const again = client.end();
    await Promise.all([client.close(), again, ending]);
    await client.end();
    expect(line.calls).toEqual(["end", "close"]);
  });
});

describe("each cut of the server's last bytes", () => {
  it.each<Ending>(["FIN", "reset", "silence"])(
    "by %s ends the client once, and leaves no timer and no call",
    async (how) => {
      virtualTimers();
      const { length } = (await left()).line.held;
      const outcomes = ALL.map((_, i) => outcomeOf(i));
      expect(length).toBeGreaterThan(100);
      let most = 0;
      for (const cut of sample(0, length + 1, 37)) {
        const { client, line, said, ending, events } = await left();
        const before = vi.getTimerCount();
        line.deliver(cut, how);
        if (how === "silence") await vi.advanceTimersByTimeAsync(2000);
        await ending;
        expect([cut, await client.ended]).toEqual([cut, code("closed")]);
        const count = outcomes.findIndex((one) => JSON.stringify(one) === JSON.stringify(said));
        expect([cut, said, count]).toEqual([cut, said, expect.toSatisfy((n: number) => n >= most)]);
        most = count;
        expect(line.calls).toEqual(["end", "close"]);
        expect(events.map(({ type }) => type)).not.toContain("failed");
        expect([cut, vi.getTimerCount() < before]).toEqual([cut, true]);
      }
      // Of all bytes, everything came; the last reply is the same without them.
      expect(most).toBe(ALL.length - 1);
    },
    120_000,
  );
});
