import { CHANNEL_OPEN_FAILURE_REASON } from "@nacre/wire";
import type { PeerOpen } from "../../../mux/peer-asks.ts";
import type { ServerPart } from "../../server/server-user.ts";
import { SessionChannel, type SessionContext } from "./session-channel.ts";

const REASON = CHANNEL_OPEN_FAILURE_REASON;

/** The sessions of one server connection, at most `maxSessions`. */
export class ServerSessions implements ServerPart {
  readonly #context: SessionContext;
  #open: readonly SessionChannel[] = [];
  /** Number of handlers that still run after their channel closed. */
  #lingering = 0;
  #noMore = false;

  constructor(context: SessionContext) {
    this.#context = context;
  }

  get sessionCount(): number {
    return this.#open.length;
  }

  /** Channels without a command do not count. */
  get isBusy(): boolean {
    return this.#open.some(({ started }) => started);
  }

  /** Refuses all further sessions. */
  noMore(): void {
    this.#noMore = true;
  }

  onOpen(open: PeerOpen): void {
    const { maxSessions } = this.#context.limits;
    if (this.#noMore || !this.#context.isOpen()) {
      this.#refuse(open, REASON.ADMINISTRATIVELY_PROHIBITED, "no more sessions");
    } else if (Math.max(this.#open.length, this.#lingering) >= maxSessions) {
      this.#refuse(open, REASON.RESOURCE_SHORTAGE, `the limit of ${maxSessions} concurrent sessions is reached`);
    } else {
      const channel = open.accept();
      if (channel === undefined) return;
      const session = new SessionChannel(this.#context, channel);
      this.#open = [...this.#open, session];
      void channel.ended.then(() => this.#ended(session));
    }
  }

  #refuse(open: PeerOpen, reasonCode: number, description: string): void {
    open.reject(reasonCode, description);
    this.#context.log({ type: "request-refused", session: undefined, request: open.channelType });
  }

  #ended(session: SessionChannel): void {
    this.#open = this.#open.filter((one) => one !== session);
    const { handling } = session;
    if (handling !== undefined) {
      this.#lingering++;
      void handling.finally(() => this.#lingering--);
    }
    this.#context.onSessionEnd();
  }
}
