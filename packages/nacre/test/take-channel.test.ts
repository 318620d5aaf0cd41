import { latin1 } from "@nacre/testing/bytes";
import { FakeChannel, LOST } from "@nacre/testing/nacre/fake-channel";
import { text } from "@nacre/testing/nacre/outcomes";
import { utf8Encode } from "@nacre/wire";
import type { Channel, SessionBytes, SshError } from "nacre";
import { Session, type SessionStart } from "nacre/extend";
import { describe, expect, it } from "vitest";

const START: Partial<SessionStart> = { onRequest() {} };

function session(): { channel: FakeChannel; served: Session } {
  const channel = new FakeChannel();
  return { channel, served: new Session(channel as unknown as Channel, START as SessionStart) };
}

/** Records its calls. */
class Recorder implements SessionBytes {
  readonly calls: unknown[] = [];
  data(stream: number, bytes: Uint8Array): void {
    this.calls.push(`${stream} ${latin1(bytes)}`);
  }
  writable(): void {
    this.calls.push("writable");
  }
  eof(): void {
    this.calls.push("eof");
  }
  closed({ error }: { readonly error: SshError | undefined }): void {
    this.calls.push(error);
  }
}

describe("takeChannel", () => {
  it("passes on the input that arrived before it, then what follows", () => {
    const { channel, served } = session();
    channel.handler.data(0, utf8Encode("early"));
    const recorder = new Recorder();
    expect(served.takeChannel(recorder)).toBe(channel);
    channel.handler.data(0, utf8Encode("late"));
    channel.handler.writable();
    channel.handler.eof();
    channel.finish(LOST);
    expect(recorder.calls).toEqual(["0 early", "0 late", "writable", "eof", LOST]);
    expect(channel.consumedBytes).toBe(0);
  });

  it("passes on an end that came before it", () => {
    const { channel, served } = session();
    channel.handler.eof();
    channel.finish(LOST);
    const recorder = new Recorder();
    served.takeChannel(recorder);
    expect(recorder.calls).toEqual(["eof", LOST]);
  });

  it("excludes `stdin`, and a second call", async () => {
    const { served } = session();
    served.takeChannel(new Recorder());
    expect(() => served.stdin).toThrow("takeChannel");
    expect(() => served.takeChannel(new Recorder())).toThrow("takeChannel");
    const other = session();
    other.channel.handler.data(0, utf8Encode("early"));
    const read = text(other.served.stdin);
    expect(() => other.served.takeChannel(new Recorder())).toThrow("stdin");
    other.channel.handler.eof();
    expect(await read).toBe("early");
  });
});
