import type { ClientProtocol, ClientProtocolEvent, Limits } from "@nacre/protocol";
import type { LimitRanges, SshError } from "@nacre/wire";
import type { Mux } from "../../mux/mux.ts";
import type { ScopedRows } from "../../options/schema.ts";

/** Types that a user adds to those of a client. */
export interface ClientUserTypes {
  /** Its options of `connect`. */
  readonly options: object;
  /** Its limits. */
  readonly limits: object;
}

/** A logged-in connection, as a user sees it. */
export interface ClientContext<T extends ClientUserTypes = ClientUserTypes> {
  readonly options: T["options"];
  readonly limits: Limits & T["limits"];
  readonly mux: Mux<ClientProtocolEvent>;
  /** The server's proof, announcements and negotiated algorithms. */
  readonly server: Pick<ClientProtocol, "serverProof" | "announces" | "negotiated">;
  /** Call it with the type of each channel that the user refuses. */
  refused(this: void, channelType: string): void;
}

/** A channel request, ready to send. */
export interface EncodedRequest {
  readonly type: string;
  readonly data: Uint8Array;
  readonly wantReply: boolean;
  /** Called if the server refuses the request. Without it, or if it throws, the session fails. */
  readonly refused?: ((refusal: SshError) => void) | undefined;
}

/** The part of a user that runs on one connection. */
export interface ClientPart {
  /** Returns requests to send on a session right before those of its command. */
  sessionRequests(): readonly EncodedRequest[];
  /** Called when the connection has ended. */
  closed(error: SshError): void;
}

/**
 * A user of a client's connections that begins with the login: it accepts channels of the server, or prepares sessions. It is named in
 * `client-list.ts`. `connect` and its login know users by this interface only.
 */
export interface ClientUser<T extends ClientUserTypes = ClientUserTypes> {
  /** Rows of its options of `connect`. */
  readonly options: ScopedRows<T["options"]>;
  readonly limits: LimitRanges<T["limits"]>;
  /** Whether these options of `connect` use it. */
  isUsed(options: T["options"]): boolean;
  /** Types of the channels that it accepts. The application cannot handle them itself if the options use this user. */
  readonly channels: readonly string[];
  /** Begins its work on a connection that has logged in. Called if the options use it. */
  begin(context: ClientContext<T>): ClientPart;
  /** Carries the types for `joinUsers`; never set. */
  readonly types?: T;
}
