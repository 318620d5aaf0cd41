import { type ConfigValues, channelTimeouts, type JumpHop } from "@nacre/config";
import { escapeText, SshError, type SshErrorCode } from "@nacre/wire";
import { checkOptions, methodName } from "nacre/extend";
import type { Config, ResolvedConfig } from "../config/config.ts";
import { type Machine, thisMachine } from "../config/machine.ts";
import { resolveOn } from "../config/resolve.ts";
import { assertCommandAllowed, assertUserForCommand } from "../config/trust.ts";
import { applyEffects } from "./config-effects.ts";
import { expanded, ROWS, type Row } from "./config-rows.ts";
import { type ConnectOptions, HOP_OPTIONS, type HopOptions } from "./options.ts";
import { given, hopError, inherited, type Route } from "./route.ts";

/** Maximum number of jump hosts in one ProxyJump, and of those that files put before one another. */
const MAX_HOPS = 16;

/** Maximum length of a name in a ProxyJump. */
const MAX_NAME = 1024;

/** Completes a route with the configurations that its hosts name, and with the jump hosts that these name. */
export async function configuredRoute(code: Route): Promise<Route> {
  const builder = new RouteBuilder(thisMachine(), code.destination);
  const destination = withTimeouts(await builder.configured(code.destination));
  if (code.destination.via === undefined) {
    const { before, options } = await builder.wayTo(destination);
    return { ...code, hops: before, destination: options };
  }
  const [first, ...rest] = await Promise.all(code.hops.map((hop) => atHop(hop, builder.configured(hop))));
  if (first === undefined) return { ...code, destination: destination.options };
  // A connected client leads to the first hop.
  const way = code.start === undefined ? await builder.wayTo(first) : { before: [], options: first.options };
  const hops = [...way.before, way.options, ...rest.map(({ options }) => options)];
  return { ...code, hops, destination: destination.options };
}

/** Options of one host, with what its configuration says. */
interface Configured {
  readonly options: HopOptions;
  /** `undefined` if the host has no configuration. */
  readonly resolved: ResolvedConfig | undefined;
}

/** Adds ChannelTimeout. A jump host has one channel, which lasts as long as the connection through it. */
function withTimeouts({ options, resolved }: Configured): Configured {
  const timeouts = channelTimeouts(resolved?.values.channelTimeout ?? []);
  if (Object.keys(timeouts).length === 0) return { options, resolved };
  return { options: { channelTimeouts: timeouts, ...options } as ConnectOptions, resolved };
}

class RouteBuilder {
  readonly #machine: Machine;
  readonly #destination: ConnectOptions;
  readonly #warned = new Set<string>();

  constructor(machine: Machine, destination: ConnectOptions) {
    this.#machine = machine;
    this.#destination = destination;
  }

  /** Resolves the configuration of a host, if it has one, and adds what it says to the options in code, which precede it. */
  async configured(code: HopOptions): Promise<Configured> {
    const { config, host, port, user, commands, commandTimeout, signal } = code;
    if (config === undefined || config === false) return { options: code, resolved: undefined };
    const isResolved = typeof config === "object" && "values" in config;
    if (isResolved && config.host !== host)
      throw new SshError("usage", "`config` was resolved for another host than `host`");
    const resolved = isResolved
      ? { ...config, source: { ...config.source, ...given({ commands, commandTimeout }) } }
      : await resolveOn(this.#machine, { host, user, port }, { config, commands, commandTimeout, signal });
    return { options: await this.#withConfig(code, resolved), resolved };
  }

  /**
   * Returns how the configuration of a host reaches it: through the jump hosts in `before`, or by a command in the returned options.
   * `after` names the hosts that are reached through this one.
   */
  async wayTo(
    { options, resolved }: Configured,
    after: readonly string[] = [],
  ): Promise<{ readonly before: readonly HopOptions[]; readonly options: HopOptions }> {
    const isGiven = options.duplex !== undefined || options.proxyCommand !== undefined;
    if (resolved === undefined || isGiven) return { before: [], options };
    const { proxy } = resolved.values;
    // A proxy in code leads to the first host of the route, whichever that is.
    const isProxied = proxy.kind === "command" && options.proxy !== undefined;
    if (proxy.kind === "direct" || isProxied) return { before: [], options };
    if (proxy.kind === "command")
      return { before: [], options: await this.#withCommand(options, resolved, proxy.command) };
    // Each reads the configuration, with the names of those before it.
    // rule: config-jump-count
    if (proxy.hops.length > MAX_HOPS)
      throw new SshError("file-malformed", `ProxyJump names more than ${MAX_HOPS} hosts`);
    // As `ssh` makes a ProxyCommand of the jump hosts, their tokens are those of the host behind them.
    const named = (text: string): string => {
      const name = expanded("ProxyJump", text, proxyTokens(resolved));
      // Tokens can double the name of each host before another one.
      if (name.length <= MAX_NAME) return name;
      throw new SshError("file-malformed", `ProxyJump names a host by more than ${MAX_NAME} characters`);
    };
    const hops = await Promise.all(
      proxy.hops.map(({ host, port, user }, index) => {
        const hop = { host: named(host), port, user: user && named(user) };
        const before = proxy.hops.slice(0, index).map(({ text }) => named(text));
        return atHop(hop, this.#jumpHost(hop, before, resolved.source));
      }),
    );
    // Only the first one's own ProxyJump counts. It is a loop if that leads to it again.
    const [first, ...rest] = hops;
    const name = nameOf(first!.resolved!);
    // rule: config-jump-loop
    if (after.includes(name) || after.length > MAX_HOPS)
      throw new SshError("file-malformed", `jumphost loop via ${escapeText(first!.resolved!.host)}`);
    const way = await this.wayTo(first!, [...after, name]);
    return { before: [...way.before, way.options, ...rest.map((hop) => hop.options)], options };
  }

  /** Resolves a jump host that a configuration names. As with `ssh -J`, it has none of the settings of the command line. */
  async #jumpHost(hop: Omit<JumpHop, "text">, before: readonly string[], source: Config): Promise<Configured> {
    const resolved = await resolveOn(
      this.#machine,
      { host: hop.host },
      {
        config: source,
        signal: this.#destination.signal,
        commandLine: [
          ...(hop.user === undefined ? [] : [{ option: "-l" as const, text: hop.user }]),
          ...(hop.port === undefined ? [] : [{ text: `Port ${hop.port}` }]),
          ...(before.length === 0 ? [] : [{ option: "-J" as const, text: before.join(",") }]),
        ],
      },
    );
    const { user, hostName, port } = resolved.values;
    const own = this.#destination.jumpOptions?.({ name: hop.host, host: hostName, port, user, config: resolved });
    const code = { ...inherited(this.#destination), ...given(own ?? {}), host: hop.host } as HopOptions;
    checkOptions(code, HOP_OPTIONS, "a jump host");
    return { options: await this.#withConfig(code, resolved), resolved };
  }

  async #withConfig(code: HopOptions, resolved: ResolvedConfig): Promise<HopOptions> {
    const { values, origins, tokens, notices, source } = resolved;
    const warn = (text: string, about?: SshErrorCode): void => {
      if (this.#warned.has(text)) return;
      this.#warned.add(text);
      code.warn?.(text, about);
    };
    // Distributions set GSSAPI keywords for everybody.
    for (const notice of notices) if (!/"gssapi\w+"$/.test(notice)) warn(escapeText(notice));
    applyEffects(resolved, code, warn);
    const about = {
      values,
      code,
      tokens,
      warn,
      local: this.#machine.local,
      environment: process.env,
      assertCommandAllowed: (what: string, keyword: keyof ConfigValues) =>
        assertCommandAllowed(what, origins[keyword]!.at(-1)!, source, this.#machine),
    };
    // By default too, unless the files or `code` name another known_hosts.
    const updateHostKeys = code.knownHosts === undefined && values.updateHostKeys === "yes";
    let fromFiles: Partial<HopOptions> = { updateHostKeys };
    const done = new Set<unknown>();
    for (const [name, row] of Object.entries(ROWS) as [keyof ConfigValues, Row][]) {
      const isSet = origins[name] !== undefined || Object.hasOwn(source.defaults ?? {}, name);
      if (!isSet || values[name] === undefined || done.has(row)) continue;
      done.add(row);
      fromFiles = joined(fromFiles, await row(values[name], about));
    }
    const { user, port, hostName: host } = values;
    const all: HopOptions = { user, port, ...joined(fromFiles, given(code)), host };
    return { ...all, ...restricted(all, code, values) };
  }

  /** Returns options for a host that is reached through a command. */
  async #withCommand(options: HopOptions, resolved: ResolvedConfig, text: string): Promise<HopOptions> {
    const { origins, source, values } = resolved;
    // A file may name any user, since it names the command too. One from code may be from anywhere, also in a `config` resolved before.
    // rule: config-resolved-user
    if (origins.user?.[0]?.file === "command-line") assertUserForCommand(values.user);
    await assertCommandAllowed("ProxyCommand", origins.proxy!.at(-1)!, source, this.#machine);
    return { ...options, proxyCommand: expanded("ProxyCommand", text, proxyTokens(resolved)) };
  }
}

/** Returns the tokens that a proxy may have. */
function proxyTokens({ tokens }: ResolvedConfig): Pick<ResolvedConfig, "tokens"> {
  const { h, k, n, p, r } = tokens as Record<"h" | "k" | "n" | "p" | "r", string>;
  return { tokens: { h, k, n, p, r } };
}

/** Options that are objects: each member counts by itself. */
const JOINED = ["limits", "algorithms", "env"] as const;

/** Returns both options; those of `second` precede. */
function joined(first: Partial<HopOptions>, second: Partial<HopOptions>): Partial<HopOptions> {
  const all: Partial<HopOptions> = { ...first, ...second };
  const both = JOINED.filter((name) => first[name] !== undefined && second[name] !== undefined);
  return { ...all, ...Object.fromEntries(both.map((name) => [name, { ...first[name], ...second[name] }])) };
}

/** Returns `undefined` for the options that ask what `ssh` would not ask with this configuration. */
function restricted(all: HopOptions, code: HopOptions, values: ConfigValues): Partial<HopOptions> {
  const has = (method: string): boolean =>
    code.methods !== undefined || all.methods === undefined || all.methods.some((one) => methodName(one) === method);
  return {
    // rule: config-strict-host-key
    ...(values.strictHostKeyChecking === "yes" && { unknownHost: undefined }),
    ...(!has("password") && !has("keyboard-interactive") && { password: undefined }),
    ...(!has("keyboard-interactive") && { prompts: undefined }),
    ...(values.numberOfPasswordPrompts === 0 && { password: undefined, prompts: undefined }),
  };
}

/** Names a host of a configuration. A chain may pass the same place under two names, as in `ssh -J jump,box far`. */
function nameOf({ host, values: { user, port } }: ResolvedConfig): string {
  return `${user}@${host}:${port}`;
}

/** Settles like `work`; an error names the hop. */
function atHop<T>(hop: Pick<HopOptions, "host" | "port">, work: Promise<T>): Promise<T> {
  return work.catch((cause: unknown) => {
    throw hopError(hop, cause);
  });
}
