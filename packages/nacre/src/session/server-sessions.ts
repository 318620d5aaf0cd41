import { CHANNEL_OPEN_FAILURE_REASON } from "@nacre/wire";
import type { MuxHandlers } from "../mux/mux.ts";
import type { PeerOpen } from "../mux/peer-asks.ts";
import type { BaseSession } from "./base-session.ts";
import { SessionChannel, type SessionContext } from "./session-channel.ts";

const { ADMINISTRATIVELY_PROHIBITED, RESOURCE_SHORTAGE } = CHANNEL_OPEN_FAILURE_REASON;

/** A server's connection, as its sessions know it. */
export interface SessionsHost {
  /** `undefined` before login. */
  readonly sessions: Pick<ServerSessions<BaseSession>, "onOpen" | "noMore"> | undefined;
}

/** The session channels of a server. */
export const sessionHandlers: MuxHandlers<SessionsHost> = {
  channels: {
    session(open, { sessions }) {
      if (sessions === undefined) open.reject(ADMINISTRATIVELY_PROHIBITED, "no session before login");
      else sessions.onOpen(open);
    },
  },
  globalRequests: {
    // OpenSSH PROTOCOL §2.2: a client that does not share its connection gives up the right to more sessions.
    "no-more-sessions@openssh.com"(request, { sessions }) {
      sessions?.noMore();
      request.reply(false);
    },
  },
};

/** The sessions of one connection of a server, up to `maxSessions`. */
export class ServerSessions<S extends BaseSession> {
  readonly #context: SessionContext<S>;
  readonly #onEnd: () => void;
  #open: readonly SessionChannel<S>[] = [];
  /** Handlers that still run after their channel closed. */
  #lingering = 0;
  #noMore = false;

  /** `onEnd`: a session has ended. */
  constructor(context: SessionContext<S>, onEnd: () => void) {
    this.#context = context;
    this.#onEnd = onEnd;
  }

  /** Sessions that are open. */
  get count(): number {
    return this.#open.length;
  }

  /** Whether a command runs. A channel on which nothing was requested yet does not count. */
  get isBusy(): boolean {
    return this.#open.some(({ started }) => started);
  }

  /** Refuses every further session. */
  noMore(): void {
    this.#noMore = true;
  }

  onOpen(open: PeerOpen): void {
    const { maxSessions } = this.#context.limits;
    if (this.#noMore || !this.#context.isOpen()) {
      this.#refuse(open, ADMINISTRATIVELY_PROHIBITED, "no more sessions");
    } else if (Math.max(this.#open.length, this.#lingering) >= maxSessions) {
      this.#refuse(open, RESOURCE_SHORTAGE, `${maxSessions} sessions are the most at once`);
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
