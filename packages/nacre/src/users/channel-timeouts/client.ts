import { escapeText, matchPattern, Reader, SshError } from "@nacre/wire";
import { usage } from "../../check.ts";
import type { Channel, ChannelWatcher } from "../../mux/channel.ts";
import type { ClientContext, ClientPart, ClientUser } from "../client/client-user.ts";

/** Options of `connect` that close idle channels. */
export interface ChannelTimeoutsOptions {
  /**
   * Milliseconds without data after which a channel is closed with `channel-idle`, by patterns of its type with `*` and `?` (ssh_config(5),
   * ChannelTimeout). The first pattern that matches counts, and 0 is for no limit: `{ "session:*": 600_000, "direct-tcpip": 60_000 }`.
   *
   * A session is `session:command`, `session:shell` or `session:subsystem:NAME`, and a connection to a forwarded agent `agent-connection`.
   * The name `global` is not a pattern: it is the time without data on any channel after which all are closed. The connection stays.
   */
  readonly channelTimeouts?: Readonly<Record<string, number>> | undefined;
}

/** Closes channels that are idle. */
export const channelTimeouts: ClientUser<{ readonly options: ChannelTimeoutsOptions; readonly limits: object }> = {
  options: { channelTimeouts: { type: "object", check: checkTimeouts, scope: "host" } },
  limits: {},
  isUsed: ({ channelTimeouts: timeouts }) => timeouts !== undefined,
  channels: [],
  begin: (context) => new IdleChannels(context),
};

function checkTimeouts(timeouts: ChannelTimeoutsOptions["channelTimeouts"] = {}): void {
  for (const milliseconds of Object.values(timeouts))
    if (typeof milliseconds !== "number" || !(milliseconds >= 0))
      throw usage("`channelTimeouts` must have milliseconds, 0 or more, by channel type");
}

/** The longest time of `setTimeout`, in milliseconds. */
const MAX_WAIT = 0x7fff_ffff;

/** Types of channels to a forwarded agent, which have one name in ssh_config. */
const TO_AGENT = /^(?:auth-agent@openssh\.com|agent-connect)$/;

/** The open channels of a connection. One timer waits for the first of them that may expire. */
class IdleChannels implements ClientPart {
  readonly #timeouts: readonly (readonly [pattern: string, milliseconds: number])[];
  readonly #global: number;
  readonly #channels = new Set<WatchedChannel>();
  /** When a channel was last used. */
  #lastUsed = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerAt = Infinity;

  constructor({ mux, options }: ClientContext<{ options: ChannelTimeoutsOptions; limits: object }>) {
    const { global = 0, ...timeouts } = options.channelTimeouts!;
    this.#timeouts = Object.entries(timeouts);
    this.#global = global || Infinity;
    mux.watch = (channel) => {
      const channelType = mux.engine.machine.connection.channelType(channel.id)!;
      const watched = new WatchedChannel(this, channel, TO_AGENT.test(channelType) ? "agent-connection" : channelType);
      this.#channels.add(watched);
      void channel.ended.then(() => this.#channels.delete(watched));
      watched.used();
      this.wait(watched);
      return watched;
    };
  }

  sessionRequests(): readonly [] {
    return [];
  }

  closed(): void {
    clearTimeout(this.#timer);
  }

  /** Returns the time without data after which a channel of this type expires. */
  timeoutOf(type: string): number {
    const [, milliseconds = 0] = this.#timeouts.find(([pattern]) => matchPattern(type, pattern)) ?? [];
    return milliseconds || Infinity;
  }

  /** Notes that a channel is used. Returns the time. */
  used(): number {
    this.#lastUsed = performance.now();
    return this.#lastUsed;
  }

  /** Sets the timer if this channel may expire before it fires. */
  wait(channel: WatchedChannel): void {
    const at = this.#expiryOf(channel);
    if (at >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = at;
    this.#timer = setTimeout(() => this.#check(), Math.min(Math.ceil(at - performance.now()), MAX_WAIT));
  }

  #expiryOf({ lastUsed, timeout }: WatchedChannel): number {
    return Math.min(lastUsed + timeout, this.#lastUsed + this.#global);
  }

  #check(): void {
    this.#timerAt = Infinity;
    const now = performance.now();
    for (const channel of this.#channels) {
      if (this.#expiryOf(channel) > now) {
        this.wait(channel);
        continue;
      }
      this.#channels.delete(channel);
      channel.expire(now);
    }
  }
}

/** A channel, and when it was last used. */
class WatchedChannel implements ChannelWatcher {
  lastUsed = 0;
  /** Milliseconds. */
  timeout: number;
  readonly #idle: IdleChannels;
  readonly #channel: Channel;
  #type: string;

  constructor(idle: IdleChannels, channel: Channel, type: string) {
    this.#idle = idle;
    this.#channel = channel;
    this.#type = type;
    this.timeout = idle.timeoutOf(type);
  }

  used(): void {
    this.lastUsed = this.#idle.used();
  }

  started(request: string, data: Uint8Array): void {
    const kind =
      request === "exec"
        ? "command"
        : request === "subsystem"
          ? `subsystem:${new Reader(data, request).text("name")}`
          : request;
    this.#type = `session:${kind}`;
    this.timeout = this.#idle.timeoutOf(this.#type);
    this.#idle.wait(this);
  }

  /** Closes the channel. */
  expire(now: number): void {
    const seconds = Math.round((now - this.lastUsed) / 100) / 10;
    const text = `no data for ${seconds} s on a channel of type ${escapeText(this.#type)} (\`channelTimeouts\`)`;
    this.#channel.close(new SshError("channel-idle", text));
  }
}
