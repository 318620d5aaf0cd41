import { CHANNEL_OPEN_FAILURE_REASON } from "@nacre/wire";
import type { MuxHandlers } from "../../mux/mux.ts";
import type { PeerOpen } from "../../mux/peer-asks.ts";
import type { BaseSession } from "./base-session.ts";
import { SessionChannel, type SessionContext } from "./session-channel.ts";

const REASON = CHANNEL_OPEN_FAILURE_REASON;

/** The part of a server's connection that session handlers use. */
export interface SessionsHost {
  /** `undefined` before login. */
  readonly sessions: Pick<ServerSessions<BaseSession>, "onOpen" | "noMore"> | undefined;
}

/** Handlers for a server's session channels. */
export const sessionHandlers: MuxHandlers<SessionsHost> = {
  channels: {
    session(open, { sessions }) {
      if (sessions === undefined) open.reject(REASON.ADMINISTRATIVELY_PROHIBITED, "no session before login");
      else sessions.onOpen(open);
    },
  },
  globalRequests: {
    // OpenSSH PROTOCOL §2.2: a client that does not share its connection gives up further sessions.
    "no-more-sessions@openssh.com"(request, { sessions }) {
      sessions?.noMore();
      request.reply(false);
    },
  },
};

/** The sessions of one server connection, at most `maxSessions`. */
export class ServerSessions<S extends BaseSession> {
  readonly #context: SessionContext<S>;
  readonly #onEnd: () => void;
  #open: readonly SessionChannel<S>[] = [];
  /** Number of handlers that still run after their channel closed. */
  #lingering = 0;
  #noMore = false;

  /** `onEnd` is called when a session has ended. */
  constructor(context: SessionContext<S>, onEnd: () => void) {
    this.#context = context;
    this.#onEnd = onEnd;
  }

  /** Number of open sessions. */
  get count(): number {
    return this.#open.length;
  }

  /** Whether a command is running. Channels without a command do not count. */
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

  #ended(session: SessionChannel<S>): void {
    this.#open = this.#open.filter((one) => one !== session);
    const { handling } = session;
    if (handling !== undefined) {
      this.#lingering++;
      void handling.finally(() => this.#lingering--);
    }
    this.#onEnd();
  }
}
