import {
  type AttachAttempt,
  type CloseReason,
  decodeTunnelMessage,
  MAX_FIRST_MESSAGE_LENGTH,
  type OpenMessage,
  type TunnelMessage,
} from "@nacre/tunnel";
import { SshError } from "@nacre/wire";
import { closeWebSocket } from "./close-web-socket.ts";
import type { GatewayContext, Peer } from "./context.ts";
import type { Target } from "./destinations.ts";
import { dial } from "./dial.ts";
import type { GatewayWebSocket, WebSocketUser } from "./gateway-web-socket.ts";
import type { Pending, Waiting } from "./pending.ts";
import { PlainRelay } from "./plain-relay.ts";
import type { RelaySettings } from "./relay.ts";
import { messageOf } from "./request-check.ts";
import { TunnelRelay } from "./tunnel-relay.ts";

type State =
  | { readonly kind: "first" }
  | { readonly kind: "opening" }
  | { readonly kind: "proof"; readonly relay: TunnelRelay; readonly attempt: AttachAttempt }
  | { readonly kind: "over" };

/** A WebSocket that does not carry a connection yet. */
export class Arrival implements Waiting, WebSocketUser {
  readonly ws: GatewayWebSocket;
  deadline: number;
  readonly #context: GatewayContext;
  readonly #pending: Pending;
  readonly #peer: Peer;
  /** Aborts connecting to the destination; `undefined` at other times. */
  #abort: AbortController | undefined;
  #state: State = { kind: "first" };

  constructor(context: GatewayContext, pending: Pending, ws: GatewayWebSocket, peer: Peer) {
    this.#context = context;
    this.#pending = pending;
    this.ws = ws;
    this.#peer = peer;
    // rule: first-message-timeout
    this.deadline = context.now() + context.limits.firstMessageTimeout;
    ws.user = this;
  }

  /** Waits for the first message. */
  waitForMessage(): void {
    this.#pending.add(this);
  }

  /** Connects to the destination of plain WebSockets, without a first message. */
  openPlain(target: Target): void {
    this.#state = { kind: "opening" };
    // A plain client may send immediately. Its data waits in the socket until the destination is connected.
    this.ws.pause();
    void this.#settle(this.#connect(target, undefined, (settings) => new PlainRelay(settings, this.ws)));
  }

  refuse(reason: CloseReason, detail = ""): void {
    if (this.#state.kind === "over") return;
    this.#leave();
    closeWebSocket(this.ws, reason);
    this.#log(reason, detail);
  }

  #log(reason: CloseReason | "lost", detail: string): void {
    this.#context.log({ type: "rejected", ...this.#context.eventPeer(this.#peer), reason, detail });
  }

  /** Stops using the WebSocket, and aborts a running connection attempt. */
  #leave(): void {
    this.#state = { kind: "over" };
    this.#pending.delete(this);
    this.#abort?.abort(new SshError("aborted", "the WebSocket was closed"));
    if (this.ws.user === this) this.ws.user = undefined;
  }

  onClosed(_ws: GatewayWebSocket, code: number): void {
    this.#leave();
    this.#log("lost", `code ${code}`);
  }

  onPong(): void {}

  onMessage(_ws: GatewayWebSocket, data: Buffer, isBinary: boolean): void {
    const state = this.#state;
    // rule: first-message-length
    if (!isBinary || data.length > MAX_FIRST_MESSAGE_LENGTH)
      return this.refuse("protocol-error", isBinary ? `a first message of ${data.length} bytes` : "a text message");
    if (state.kind === "first") return this.#first(data);
    if (state.kind === "proof") return this.#prove(state, data);
    this.refuse("protocol-error", "a message before the connection was open");
  }

  #first(data: Buffer): void {
    let message: TunnelMessage;
    try {
      message = decodeTunnelMessage(data);
    } catch (error) {
      return this.refuse("protocol-error", (error as Error).message);
    }
    if (message.type === "open") void this.#settle(this.#open(message));
    else if (message.type === "attach") this.#attach(Buffer.from(message.id));
    else this.refuse("protocol-error", `${message.type} as the first message`);
  }

  async #open({ ticket, host, port }: OpenMessage): Promise<void> {
    this.#state = { kind: "opening" };
    // The message is here. `storeTimeout` and `connectTimeout` bound what follows.
    this.deadline = Number.POSITIVE_INFINITY;
    const { destinations, tickets } = this.#context;
    const { origin = "", session } = this.#peer;
    const target = destinations.target(host, port);
    const grant = await tickets.redeem(ticket, { ...target, origin, session }).catch((error: Error) => error);
    if (grant instanceof Error) return this.refuse("gateway-failed", messageOf(grant));
    // rule: ticket-before-dial
    if (typeof grant === "string") return this.refuse("ticket-refused", grant);
    await this.#connect(target, grant.user, (settings) => new TunnelRelay(settings, this.ws));
  }

  async #connect(target: Target, user: string | undefined, relay: (settings: RelaySettings) => unknown): Promise<void> {
    if (this.#state.kind === "over") return;
    this.#pending.delete(this);
    const { clients, limits, destinations } = this.#context;
    const peer = this.#peer;
    if (!clients.add(peer.client, this.#context.now())) return this.refuse("too-many");
    const abort = new AbortController();
    this.#abort = abort;
    const timer = setTimeout(() => {
      const text = `${target.host}:${target.port} did not answer within ${limits.connectTimeout} ms`;
      abort.abort(new SshError("connect-timeout", text));
    }, limits.connectTimeout);
    const { signal } = abort;
    try {
      const addresses = await untilAborted(destinations.resolve(target, { client: peer.client, signal }), signal);
      const dialled = await dial(target, addresses, { signal });
      this.#abort = undefined;
      this.#leave();
      relay({ context: this.#context, peer, target, user, ...dialled });
    } catch (error) {
      clients.remove(peer.client);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Awaits `opening`, and refuses the WebSocket if it fails. */
  async #settle(opening: Promise<void>): Promise<void> {
    try {
      await opening;
    } catch (error) {
      this.refuse(reasonOf(error), messageOf(error));
    }
  }

  #attach(id: Buffer): void {
    const { tunnels, idPrefix, limits } = this.#context;
    if (!id.subarray(0, idPrefix.length).equals(idPrefix)) return this.refuse("resume-elsewhere");
    const relay = tunnels.get(id.toString("hex"));
    if (relay === undefined || !relay.mayAttach(this.#peer)) return this.refuse("tunnel-unknown");
    const attempt = relay.challenge();
    this.#state = { kind: "proof", relay, attempt };
    this.deadline = this.#context.now() + limits.firstMessageTimeout;
    this.ws.send(attempt.message);
  }

  #prove({ relay, attempt }: Extract<State, { kind: "proof" }>, answer: Buffer): void {
    try {
      if (!relay.resume(this.ws, this.#peer, attempt, answer)) return this.refuse("proof-refused");
    } catch (error) {
      return this.refuse("protocol-error", (error as Error).message);
    }
    this.#leave();
  }
}

/** Settles as `promise` does, or rejects with the signal's reason if the signal aborts first. */
async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort);
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort!);
  }
}

function reasonOf(error: unknown): CloseReason {
  if (!(error instanceof SshError)) return "gateway-failed";
  if (error.code === "forward-denied") return "destination-refused";
  if (error.code === "forward-unreachable") return "destination-unreachable";
  return error.code === "connect-timeout" ? "destination-timeout" : "gateway-failed";
}
