import { type ClientSessionEvent, type Limits, SESSION_LIMITS } from "@nacre/session";
import { escapeText, type LimitRanges, type LimitTable, limitTable, type SshError } from "@nacre/wire";
import { checkLimits, usage } from "../check.ts";
import { CONNECT_OPTIONS, type ConnectOptions } from "../login/client/options.ts";
import type { Mux } from "../mux/mux.ts";
import type { ScopedRows } from "../options/schema.ts";
import type { EncodedRequest } from "./session/requests.ts";

/** What a user adds to the types of a client. */
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
  readonly mux: Mux<ClientSessionEvent>;
}

/** The part of a user that runs on one connection. */
export interface ClientPart {
  /** Returns requests to send on a session right before those of its command. */
  sessionRequests(): readonly EncodedRequest[];
  /** Called when the connection has ended. */
  closed(error: SshError): void;
}

/**
 * A user of a client's connections that begins with the login: it accepts channels of the server, or prepares sessions. It is named by one
 * line of `client-list.ts`. `connect` and its login know users by this interface only.
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
  /** Carries the types for `UserOptions` and `UserLimits`; never set. */
  readonly types?: T;
}

type Together<T> = [T] extends [never]
  ? Readonly<Record<never, never>>
  : (T extends unknown ? (value: T) => void : never) extends (value: infer Result) => void
    ? Result
    : never;

/** Options that the users in `List` add to `connect`. */
export type OptionsOf<List extends Readonly<Record<string, { readonly types?: ClientUserTypes }>>> = Together<
  NonNullable<List[keyof List]["types"]>["options"]
>;

/** Limits that they add. */
export type LimitsOf<List extends Readonly<Record<string, { readonly types?: ClientUserTypes }>>> = Together<
  NonNullable<List[keyof List]["types"]>["limits"]
>;

/** Returns the limits of a client with these users. */
export function limitsWith(users: readonly ClientUser[]): LimitTable<Limits> {
  if (users.length === 0) return SESSION_LIMITS;
  return limitTable<Limits>(Object.assign({}, SESSION_LIMITS.ranges, ...users.map(({ limits }) => limits)));
}

/** Returns the rows of the options of `connect` with these users. */
export function connectOptionsWith<T = ConnectOptions>(users: readonly ClientUser[]): ScopedRows<T> {
  const limits: ScopedRows<ConnectOptions>["limits"] = {
    ...CONNECT_OPTIONS.limits,
    check: (given) => checkLimits(given, limitsWith(users)),
  };
  return Object.assign({}, CONNECT_OPTIONS, ...users.map(({ options }) => options), { limits });
}

/** Throws `usage` if the application handles a channel type in `channels` that one of its users handles. */
export function checkChannelsOf(users: readonly ClientUser[], options: ConnectOptions): void {
  for (const channelType of users.filter((user) => user.isUsed(options)).flatMap(({ channels }) => channels))
    if (Object.hasOwn(options.channels ?? {}, channelType))
      throw usage(`\`channels\`: "${escapeText(channelType)}" is handled by Nacre itself`);
}
