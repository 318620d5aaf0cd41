import { type Bytes, SshError } from "@nacre/wire";
import { type Channel, EventBuffer } from "nacre/extend";
import { bridge } from "nacre/internal-forward";
import { dialTarget } from "./dial-target.ts";
import { type ProxyClient, type ProxySettings, serveProxyClient } from "./proxy-client.ts";
import { reportBroken } from "./report-broken.ts";

/** Serves a proxy client that connected to the server: connects to its target from this side. */
export async function proxyOverChannel(channel: Channel, settings: ProxySettings): Promise<void> {
  const { signal } = settings;
  const duplex = await serveProxyClient(new ChannelClient(channel), settings, (target) => dialTarget(target, signal));
  if (duplex === undefined) return;
  await bridge(channel, duplex, signal);
  await reportBroken(channel);
}

class ChannelClient implements ProxyClient {
  readonly #channel: Channel;
  /** Number of buffered bytes in the current chunk. Their window credit is returned when they are read. */
  #held = 0;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  read(receive: (bytes: Uint8Array) => void, ended: () => void): void {
    const channel = this.#channel;
    channel.handler = {
      data: (stream, bytes) => {
        if (stream === 0) receive(bytes);
        channel.consumed(bytes.length - this.#held);
      },
      writable() {},
      eof: ended,
      request: (request) => channel.reply(request, false),
      closed: ended,
    };
  }

  hold(rest: Bytes): void {
    const buffer = new EventBuffer(this.#channel);
    this.#channel.handler = buffer;
    this.#held = rest.length;
    if (rest.length > 0) buffer.data(0, rest);
  }

  write(bytes: Bytes): void {
    if (bytes.length === 0 || this.#channel.closed) return;
    // A reply fits into any window, unless the peer never granted one.
    if (this.#channel.write(bytes) < bytes.length)
      this.#channel.close(new SshError("closed", "the proxy client's window is too small for the reply"));
  }

  async dismiss(): Promise<void> {
    this.#channel.end();
    this.#channel.close();
  }
}
