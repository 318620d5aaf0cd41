import {
  SSH_MSG_CHANNEL_CLOSE,
  SSH_MSG_CHANNEL_DATA,
  SSH_MSG_CHANNEL_OPEN,
  SSH_MSG_CHANNEL_OPEN_CONFIRMATION,
  type SshError,
  utf8Encode,
  Writer,
} from "@nacre/wire";
import type { Channel } from "nacre";
import { channelTimeouts } from "nacre/extend";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { deaf, type LooseMux, looseMux, unopened } from "../support/muxes.ts";

const NOTHING = new Uint8Array(0);

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A connection whose channels expire. The peer confirms each open at once. */
class Timed {
  readonly loose: LooseMux;
  readonly part: { closed(error: SshError): void };
  #opened = 0;

  constructor(timeouts: Readonly<Record<string, number>>) {
    this.loose = looseMux({ channels: { "forwarded-tcpip": (open) => this.accept(open.accept()!) } });
    this.part = channelTimeouts.begin({ options: { channelTimeouts: timeouts }, mux: this.loose.mux } as never);
  }

  accepted: Channel | undefined;

  accept(channel: Channel): void {
    channel.handler = deaf;
    this.accepted = channel;
  }

  open(channelType: string): Channel {
    let opened: Channel | undefined;
    this.loose.mux.open(channelType, undefined, {
      ...unopened,
      opened: (channel) => {
        channel.handler = deaf;
        opened = channel;
      },
    });
    this.loose.receive(
      SSH_MSG_CHANNEL_OPEN_CONFIRMATION.encode({
        recipientChannel: this.#opened++,
        senderChannel: 7,
        initialWindowSize: 100,
        maximumPacketSize: 100,
        data: NOTHING,
      }),
    );
    return opened!;
  }

  /** Numbers of the channels that this side has closed. */
  get closes(): number {
    return this.loose.sent.filter(([number]) => number === SSH_MSG_CHANNEL_CLOSE.number).length;
  }
}

const seconds = (count: number): void => void vi.advanceTimersByTime(count * 1000);

describe("channelTimeouts", () => {
  it("closes a channel without data, and none of another type", async () => {
    const timed = new Timed({ "direct-tcpip": 10_000 });
    const idle = timed.open("direct-tcpip");
    timed.open("direct-streamlocal@openssh.com");
    seconds(9.9);
    expect(timed.closes).toBe(0);
    seconds(0.2);
    expect(timed.closes).toBe(1);
    // The peer does not answer.
    seconds(3);
    expect(await idle.ended).toMatchObject({
      error: {
        code: "channel-idle",
        message: "no data for 10 s on a channel of type direct-tcpip (`channelTimeouts`)",
      },
    });
    seconds(1000);
    expect(timed.closes).toBe(1);
  });

  it("names a time below a second", async () => {
    const idle = new Timed({ "direct-tcpip": 300 }).open("direct-tcpip");
    seconds(5);
    expect((await idle.ended).error?.message).toMatch(/^no data for 0\.3 s on /);
  });

  it("counts from the last data, in either direction", () => {
    const timed = new Timed({ "direct-*": 10_000 });
    const channel = timed.open("direct-tcpip");
    seconds(9);
    channel.write(utf8Encode("a"));
    seconds(9);
    timed.loose.receive(SSH_MSG_CHANNEL_DATA.encode({ recipientChannel: channel.id, data: utf8Encode("b") }));
    seconds(9);
    expect(timed.closes).toBe(0);
    // No room: nothing is sent.
    channel.write(new Uint8Array(200));
    seconds(9);
    channel.write(utf8Encode("c"));
    seconds(2);
    expect(timed.closes).toBe(1);
  });

  it("takes the first pattern that matches, where 0 is no limit", () => {
    const timed = new Timed({ "direct-tcpip": 0, "*": 5000 });
    timed.open("direct-tcpip");
    timed.open("news@example.org");
    seconds(60);
    expect(timed.closes).toBe(1);
  });

  it.each([
    ["exec", "ls", "session:command"],
    ["shell", "", "session:shell"],
    ["subsystem", "sftp", "session:subsystem:sftp"],
  ])("calls a session with the request %s %s %s", (request, name, type) => {
    const timed = new Timed({ session: 1000, [type]: 5000 });
    const channel = timed.open("session");
    const data = name === "" ? NOTHING : new Writer().string(name).finish();
    channel.start(request, data).catch(() => {});
    seconds(4.5);
    expect(timed.closes).toBe(0);
    seconds(1);
    expect(timed.closes).toBe(1);
  });

  it("has no limit for a started session that no pattern matches, as in ssh", () => {
    const timed = new Timed({ session: 1000 });
    timed
      .open("session")
      .start("shell", NOTHING)
      .catch(() => {});
    seconds(60);
    expect(timed.closes).toBe(0);
  });

  it("watches channels of the server, and those to an agent by their name in ssh_config", () => {
    const timed = new Timed({ "forwarded-tcpip": 5000, "agent-connection": 1000 });
    const open = (channelType: string) =>
      timed.loose.receive(
        SSH_MSG_CHANNEL_OPEN.encode({
          channelType,
          senderChannel: 3,
          initialWindowSize: 100,
          maximumPacketSize: 100,
          data: NOTHING,
        }),
      );
    open("forwarded-tcpip");
    timed.loose.mux.accept("auth-agent@openssh.com", (asked) => timed.accept(asked.accept()!));
    open("auth-agent@openssh.com");
    seconds(1.1);
    expect(timed.closes).toBe(1);
    seconds(4);
    expect(timed.closes).toBe(2);
  });

  it("closes all channels when none has had data for the time of global", () => {
    const timed = new Timed({ global: 10_000, "direct-tcpip": 60_000 });
    const [used] = [timed.open("direct-tcpip"), timed.open("news@example.org")];
    seconds(9);
    used.write(utf8Encode("a"));
    seconds(9);
    expect(timed.closes).toBe(0);
    seconds(2);
    expect(timed.closes).toBe(2);
  });

  it("waits longer than a timer of the platform can", () => {
    const timed = new Timed({ "direct-tcpip": 40 * 86_400_000 });
    timed.open("direct-tcpip");
    seconds(39 * 86_400);
    expect(timed.closes).toBe(0);
    seconds(2 * 86_400);
    expect(timed.closes).toBe(1);
  });

  it("leaves no timer when its channels or the connection have ended", () => {
    const timed = new Timed({ "*": 5000 });
    timed.open("direct-tcpip");
    timed.part.closed(undefined as never);
    expect(vi.getTimerCount()).toBe(0);
    expect(new Timed({ "*": 5000 })).toBeDefined();
    expect(vi.getTimerCount()).toBe(0);
  });

  it.each([{ session: -1 }, { session: "1" }, { session: Number.NaN }])("refuses %j", (timeouts) => {
    const row = channelTimeouts.options.channelTimeouts;
    expect(() => row.check!(timeouts as never)).toThrow("`channelTimeouts` must have milliseconds");
  });
});
