import { type Limits, PROTOCOL_LIMITS } from "@nacre/protocol";
import { completeLimits, escapeText, limitTable } from "@nacre/wire";
import { checkLimits, usage } from "../../check.ts";
import type { ScopedRows } from "../../options/schema.ts";
import type { ClientContext, ClientPart, ClientUser, ClientUserTypes } from "../../users/client/client-user.ts";
import { CONNECT_OPTIONS, type ConnectOptions } from "./options.ts";

/** The users of a client's connections, as `connect` and its login know them. */
export interface ClientUsers<T = ConnectOptions> {
  /** Rows of all options of `connect` with these users. */
  readonly options: ScopedRows<T>;
  /** Throws `usage` if the application handles a channel type in `channels` that a user handles. */
  check(options: T): void;
  /** Begins the work of the users that the options use. Call it in the turn of the login. */
  begin(options: T, connection: Omit<ClientContext, "options" | "limits">): readonly ClientPart[];
}

type UserList = Readonly<Record<string, { readonly types?: ClientUserTypes }>>;

/** The intersection of the options of all users in the list. */
type OptionsOf<List extends UserList> = {
  [Name in keyof List]: (value: NonNullable<List[Name]["types"]>["options"]) => void;
}[keyof List] extends (value: infer Options) => void
  ? Options
  : never;

/** Joins the users of a list, for `ClientProvider.users`. */
export function joinUsers<List extends UserList>(list: List): ClientUsers<ConnectOptions & OptionsOf<List>> {
  const users = Object.values<unknown>(list) as readonly ClientUser[];
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
    begin(options, connection) {
      const context = { ...connection, options, limits: completeLimits(limits, options.limits) };
      return users.filter((user) => user.isUsed(options)).map((user) => user.begin(context));
    },
  };
}
