import { type ClientProtocolEvent, type Limits, PROTOCOL_LIMITS } from "@nacre/protocol";
import { completeLimits, escapeText, type LimitRanges, limitTable, type SshError } from "@nacre/wire";
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
  readonly mux: Mux<ClientProtocolEvent>;
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

/** The users of a client's connections, as `connect` and its login know them. */
export interface ClientUsers<T = ConnectOptions> {
  /** Rows of all options of `connect` with these users. */
  readonly options: ScopedRows<T>;
  /** Throws `usage` if the application handles a channel type in `channels` that a user handles. */
  check(options: T): void;
  /** Begins the work of the users that the options use. Call it in the turn of the login. */
  begin(options: T, mux: ClientContext["mux"]): readonly ClientPart[];
}

/** Joins the users of a list, for `ClientProvider.users`. */
export function joinUsers<T extends ConnectOptions = ConnectOptions>(
  list: Readonly<Record<string, unknown>>,
): ClientUsers<T> {
  const users = Object.values(list) as readonly ClientUser[];
  const limits = limitTable<Limits>(Object.assign({}, PROTOCOL_LIMITS.ranges, ...users.map((user) => user.limits)));
  const limitsRow: ScopedRows<ConnectOptions>["limits"] = {
    ...CONNECT_OPTIONS.limits,
    check: (given) => checkLimits(given, limits),
  };
  return {
    options: Object.assign({}, CONNECT_OPTIONS, ...users.map((user) => user.options), { limits: limitsRow }),
    check(options) {
      for (const channelType of users.filter((user) => user.isUsed(options)).flatMap(({ channels }) => channels))
        if (Object.hasOwn(options.channels ?? {}, channelType))
          throw usage(`\`channels\`: "${escapeText(channelType)}" is handled by Nacre itself`);
    },
    begin(options, mux) {
      const context = { options, limits: completeLimits(limits, options.limits), mux };
      return users.filter((user) => user.isUsed(options)).map((user) => user.begin(context));
    },
  };
}
