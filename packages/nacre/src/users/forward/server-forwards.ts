import { CHANNEL_OPEN_FAILURE_REASON, SshError, type SshErrorCode } from "@nacre/wire";
import { usage } from "../../check.ts";
import type { Duplex } from "../../mux/duplex.ts";
import type { PeerOpen } from "../../mux/peer-asks.ts";
import { openedUnlessAborted } from "../../on-abort.ts";
import type { ServerPart } from "../server/server-user.ts";
import { bridge } from "./bridge.ts";
import { denied, type ForwardsContext, forwardContext, isAcceptable, logRefusal } from "./forwards-context.ts";
import { HeldConnections } from "./held-connections.ts";
import { permitsTarget } from "./places.ts";
import { ServerListeners } from "./server-listeners.ts";
import { checkTarget, type ForwardTarget, formatTarget, type Originator } from "./target.ts";

type OpenReason = keyof typeof CHANNEL_OPEN_FAILURE_REASON;

/** Reason and description of a refused open, by error code (RFC 4254 §5.1). The client gets no other text. */
const OPEN_REFUSALS: { readonly [code in SshErrorCode]?: readonly [reason: OpenReason, description: string] } = {
  "forward-denied": ["ADMINISTRATIVELY_PROHIBITED", "not permitted"],
  "forward-limit": ["RESOURCE_SHORTAGE", "too many connections"],
};
const CANNOT_CONNECT = ["CONNECT_FAILED", "cannot connect"] as const;

/** Forwarding on one server connection. Created when the client first requests it. */
export class ServerForwards implements ServerPart {
  /** Listeners of the client. */
  readonly listeners: ServerListeners;
  readonly #context: ForwardsContext;
  readonly #connections: HeldConnections;

  constructor(context: ForwardsContext) {
    this.#context = context;
    this.#connections = new HeldConnections(context.limits.maxForwardedConnections);
    this.listeners = new ServerListeners(context, this.#connections);
  }

  /** Handles a request for a connection. `target` is `undefined` if it cannot be decoded. */
  onOpen(open: PeerOpen, target: ForwardTarget | undefined, originator: Originator | undefined): void {
    const refusal = this.#openRefusal(target);
    if (refusal === undefined) this.#connections.hold((signal) => this.#connect(open, target!, originator, signal));
    else this.#refuseOpen(open, target, refusal);
  }

  /** Releases everything after the SSH connection has ended. Resolves when all connections and listeners are released. */
  async closed(error: SshError): Promise<void> {
    await Promise.all([this.#connections.closed(error), this.listeners.closed(error)]);
  }

  #openRefusal(target: ForwardTarget | undefined): SshError | undefined {
    const { options, permissions, isOpen } = this.#context;
    if (target === undefined || !isAcceptable(() => checkTarget(target), target.host))
      return denied("invalid forwarding target");
    if (options.forwarding?.connect === undefined || !isOpen())
      return denied("`forwarding.connect` is not set, or the server is closing the connection");
    if (/* rule: login-permit-open */ !permissions.permitOpen.every((list) => permitsTarget(list, target)))
      return denied("`permitOpen` of the login does not include the target");
    return this.#connections.limit;
  }

  #refuseOpen(open: PeerOpen, target: ForwardTarget | undefined, error: unknown): void {
    const code = error instanceof SshError ? error.code : "internal";
    const [reason, description] = OPEN_REFUSALS[code] ?? CANNOT_CONNECT;
    open.reject(CHANNEL_OPEN_FAILURE_REASON[reason], description);
    logRefusal(
      this.#context,
      target === undefined ? open.channelType : `${open.channelType} ${formatTarget(target)}`,
      error,
    );
  }

  async #connect(
    open: PeerOpen,
    target: ForwardTarget,
    originator: Originator | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const { options, log } = this.#context;
    const connect = async (): Promise<Duplex> =>
      checkedDuplex(
        await options.forwarding?.connect?.(target, { ...forwardContext(this.#context, signal), originator }),
      );
    let duplex: Duplex;
    try {
      duplex = await openedUnlessAborted(connect(), signal, ({ reason }) => reason);
    } catch (error) {
      if (!signal.aborted) this.#refuseOpen(open, target, error);
      return;
    }
    const channel = open.accept();
    // No channel: the SSH connection has ended.
    if (channel === undefined) return duplex.close();
    log({ type: "forward-opened", target, originator });
    await bridge(channel, duplex, signal);
  }
}

/** Checks the result of `forwarding.connect`, which may be invalid in a JavaScript program. Throws `usage`. */
function checkedDuplex(duplex: Partial<Duplex> | undefined): Duplex {
  if (typeof duplex?.open === "function" && typeof duplex.close === "function") return duplex as Duplex;
  throw usage(
    "`forwarding.connect` returned an invalid connection; return a byte connection, as made by `socketDuplex` of @nacre/node or `webDuplex`",
  );
}
