import { askToken, CHANNEL_OPEN_FAILURE_REASON } from "@nacre/wire";
import { uncaught } from "../../../mux/application-handlers.ts";
import { PeerOpen } from "../../../mux/peer-asks.ts";
import type { ServerPart } from "../../server/server-user.ts";
import type { SessionContext } from "./session-channel.ts";

const REASON = CHANNEL_OPEN_FAILURE_REASON;

/** A session that runs on one channel. */
export interface RunningSession {
  /** Whether it runs a command, which `ServerConnection.close` gives time to end. */
  readonly started: boolean;
  /** Settles when the running handler has finished; `undefined` if no handler runs. */
  readonly handling: Promise<void> | undefined;
}

/** Begins a session: accepts or rejects the open, now or later. Returns `undefined` if it refused at once. */
export type SessionRunner = (open: PeerOpen) => RunningSession | undefined;

/** Admits the sessions of one server connection, at most `maxSessions`, and passes their opens to a runner. */
export class ServerSessions implements ServerPart {
  readonly #context: SessionContext;
  readonly #run: SessionRunner;
  /** A place for each session that is open, or that the runner has not decided. */
  #places: readonly { session: RunningSession | undefined }[] = [];
  /** Number of handlers that still run after their channel closed. */
  #lingering = 0;
  #noMore = false;

  constructor(context: SessionContext, run: SessionRunner) {
    this.#context = context;
    this.#run = run;
  }

  get sessionCount(): number {
    return this.#places.length;
  }

  /** Channels without a command do not count. */
  get isBusy(): boolean {
    return this.#places.some(({ session }) => session?.started);
  }

  /**
   * Refuses all further sessions, unless the application handles it. Returns the reply to the request for it. An exception of the
   * application is rethrown as an uncaught one.
   */
  noMore(): boolean {
    const { options, connection } = this.#context;
    const { noMoreSessions } = options;
    this.#noMore = noMoreSessions === undefined;
    let success = false;
    uncaught(() => {
      success = noMoreSessions?.(connection) === true;
    });
    return success;
  }

  onOpen(open: PeerOpen): void {
    const { maxSessions } = this.#context.limits;
    if (this.#noMore || !this.#context.isOpen()) {
      this.#refuse(open, REASON.ADMINISTRATIVELY_PROHIBITED, "no more sessions");
    } else if (/* rule: session-count */ Math.max(this.#places.length, this.#lingering) >= maxSessions) {
      this.#refuse(open, REASON.RESOURCE_SHORTAGE, `the limit of ${maxSessions} concurrent sessions is reached`);
    } else this.#begin(open);
  }

  #refuse(open: PeerOpen, reasonCode: number, description: string): void {
    open.reject(reasonCode, description);
    this.#context.log({ type: "request-refused", session: undefined, request: open.channelType });
  }

  /** Passes the open to the runner, and keeps its place until it is refused or its channel has closed. */
  #begin(open: PeerOpen): void {
    const { channelType, data } = open;
    const place: { session: RunningSession | undefined } = { session: undefined };
    this.#places = [...this.#places, place];
    const free = (): void => this.#free(place);
    const asks = {
      acceptOpen() {
        const channel = open.accept();
        if (channel === undefined) free();
        else void channel.ended.then(free);
        return channel;
      },
      rejectOpen(_: unknown, reasonCode: number, description: string) {
        open.reject(reasonCode, description);
        free();
      },
    };
    const token = askToken(channelType);
    place.session = this.#run(new PeerOpen(asks, { type: "open-request", channelType, data, token }));
  }

  #free(place: { readonly session: RunningSession | undefined }): void {
    this.#places = this.#places.filter((one) => one !== place);
    const handling = place.session?.handling;
    if (handling !== undefined) {
      this.#lingering++;
      void handling.finally(() => this.#lingering--);
    }
    this.#context.onSessionEnd();
  }
}
