// Generates ssh_config files and command lines of `ssh`: most are accepted, about one in twelve holds a deliberate error. The same seed and
// number give the same case.

import {
  CHOICES,
  CIPHERS,
  COMMANDS,
  ERRORS,
  FLAGS,
  HOSTS,
  KEX,
  KEYS,
  MACS,
  NUMBERS,
  PATTERNS,
  TOKENS,
} from "./vocabulary.ts";

/** A generated case. */
export interface ConfigCase {
  /** The configuration, for `-F`. */
  readonly config: string;
  /** Included files by name. They are in the folder `inc` of the case, and with `isInHome` also in {@link relativeFolder}. */
  readonly includes: Readonly<Record<string, string>>;
  readonly isInHome: boolean;
  /** The words after `ssh -G -F FILE`. */
  readonly args: readonly string[];
}

/** Where a case is. */
export interface CasePlace {
  /** Folder of the case; `GC_CASE` in the environment. */
  readonly folder: string;
  /** Folder below ~/.ssh for relative includes. */
  readonly relativeFolder: string;
}

/** Makes case `number` of a seed. */
export function generateCase(seed: number, number: number, place: CasePlace): ConfigCase {
  return new Generator(seed, number, place).make();
}

class Generator {
  #state: number;
  readonly #place: CasePlace;
  readonly #includes = new Map<string, string>();
  #isInHome = false;

  constructor(seed: number, number: number, place: CasePlace) {
    this.#state = (Math.imul(seed, 0x9e3779b1) ^ Math.imul(number + 1, 0x85ebca6b)) >>> 0;
    this.#place = place;
  }

  make(): ConfigCase {
    let config = this.#file(0);
    let args = this.#args();
    if (this.#chance(1 / 12)) {
      const lines = config.split("\n");
      const at = this.#int(0, ERRORS.length);
      if (at === ERRORS.length) args = ["-o", this.#pick(["Host a", "Match all", "Include x"]), ...args];
      else lines.splice(this.#int(0, lines.length), 0, ERRORS[at]!);
      config = lines.join("\n");
    }
    return { config, includes: Object.fromEntries(this.#includes), isInHome: this.#isInHome, args };
  }

  /** Mulberry32: not random, but the same everywhere. */
  #random(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  #chance(part: number): boolean {
    return this.#random() < part;
  }

  #int(from: number, to: number): number {
    return from + Math.floor(this.#random() * (to - from + 1));
  }

  #pick<T>(values: readonly T[]): T {
    return values[this.#int(0, values.length - 1)]!;
  }

  #times<T>(from: number, to: number, make: () => T): T[] {
    return Array.from({ length: this.#int(from, to) }, make);
  }

  #sample<T>(values: readonly T[], count: number): T[] {
    const left = [...values];
    return Array.from({ length: count }, () => left.splice(this.#int(0, left.length - 1), 1)[0]!);
  }

  #path(withEnvironment = true): string {
    const folder = this.#pick(["~/.ssh/", "/etc/k/", "", "~root/", "/with space/"]);
    const parts = this.#times(0, 3, () => {
      const kind = this.#random();
      if (kind < 0.55) return this.#pick(TOKENS);
      return kind < 0.75 && withEnvironment
        ? this.#pick(["${GC_VAR}", "${HOME}"])
        : this.#pick(["x", "-y", ".z", "_", "0"]);
    });
    return folder + (parts.join("") || this.#pick(["plain", "v1"]));
  }

  /** Writes a word, quoted where it must be and sometimes where it need not. */
  #word(value: string): string {
    const kind = this.#random();
    if (/[ \t#'"]/.test(value) || value === "" || kind < 0.1) {
      if (/[ \t]/.test(value) && this.#chance(0.1)) return value.replaceAll(" ", "\\ ");
      return this.#chance(0.7) && !value.includes('"') ? `"${value}"` : `'${value}'`;
    }
    return kind < 0.13 && value.length > 2 ? `${value[0]}"${value[1]}"${value.slice(2)}` : value;
  }

  #time(): string {
    return this.#pick("5 30s 3m 1h30m 1d 2w 90 0 1M 1h1m1s".split(" "));
  }

  #listen(): string {
    return this.#pick(["", "", "localhost:", "[::1]:", "*:", "127.0.0.1:", "[::]:"]) + this.#int(1024, 60_000);
  }

  #target(): string {
    return this.#pick(["db:80", "[::1]:9", "10.0.0.1:443", "host.example.org:5432"]);
  }

  #socket(): string {
    return this.#pick(["/run/x.sock", "/tmp/%h.sock", "/tmp/%C", "/run/${GC_VAR}.sock"]);
  }

  #jump(): string {
    const hops = this.#times(1, 3, () => {
      if (this.#chance(0.15)) return `ssh://${this.#pick(["", "j@"])}bast${this.#pick(["", ":2222"])}`;
      const host = this.#pick(["bast", "10.0.0.1", "[::1]", "gw.example.org"]);
      return this.#pick(["", "j@", "u-1@"]) + host + this.#pick(["", ":2222"]);
    });
    return hops.join();
  }

  #algorithms(names: readonly string[]): string {
    const sign = this.#pick(["", "+", "-", "^"]);
    const picked = this.#sample(names, this.#int(1, 3));
    // Only key types and removals may be patterns.
    if ((sign === "-" || names.includes("ssh-ed25519")) && this.#chance(0.3))
      picked.push(`${this.#pick(names).slice(0, 5)}*`);
    return sign + picked.join();
  }

  /** Makes a keyword and the rest of its line. */
  #keyword(): readonly [name: string, rest: string] {
    const words = (name: string, ...values: readonly string[]) =>
      [name, values.map((value) => this.#word(value)).join(" ")] as const;
    const kind = this.#random();
    if (kind < 0.22) return words(this.#pick(FLAGS), this.#pick(["yes", "no", "true", "false", "YES", "No"]));
    if (kind < 0.5) {
      const name = this.#pick(Object.keys(CHOICES));
      return words(name, this.#pick(CHOICES[name]!.split(" ")));
    }
    if (kind < 0.54) {
      const name = this.#pick(Object.keys(NUMBERS));
      return words(name, String(this.#int(...NUMBERS[name]!)));
    }
    if (kind < 0.58) {
      const name = this.#pick(["ConnectTimeout", "ForwardX11Timeout", "ServerAliveInterval"]);
      return words(name, name === "ConnectTimeout" && this.#chance(0.3) ? "none" : this.#time());
    }
    if (kind < 0.68) {
      const name = this.#pick([...Object.keys(COMMANDS), "ProxyJump", "ProxyJump"]);
      if (name !== "ProxyJump") return [name, this.#pick(COMMANDS[name]!)];
      return [name, this.#pick(["none", this.#jump(), this.#jump(), `${this.#jump()} # comment`])];
    }
    const special: readonly (() => readonly [string, string])[] = [
      () => words("IdentityFile", this.#path()),
      () => words("CertificateFile", this.#path()),
      () => words("UserKnownHostsFile", ...(this.#chance(0.1) ? ["none"] : this.#times(1, 3, () => this.#path()))),
      () => words("GlobalKnownHostsFile", ...this.#times(1, 3, () => this.#pick(["/etc/k1", "/etc/k 2"]))),
      () => {
        if (this.#chance(0.6)) return words("LocalForward", this.#listen(), this.#target());
        if (this.#chance(0.5)) return words("LocalForward", this.#listen(), this.#socket());
        return words("LocalForward", this.#socket(), this.#pick([this.#target(), this.#socket()]));
      },
      () => {
        const listen = this.#pick([this.#listen(), "0", "/run/r.sock"]);
        const targets = this.#chance(0.2) ? [] : [this.#pick([this.#target(), this.#socket()])];
        return words("RemoteForward", listen, ...targets);
      },
      () => words("DynamicForward", this.#listen()),
      () => {
        if (this.#chance(0.4)) return words("PermitRemoteOpen", this.#pick(["any", "none"]));
        return words("PermitRemoteOpen", ...this.#times(1, 2, () => this.#pick(["db:80", "[::1]:*", "*:443"])));
      },
      () => words("SendEnv", ...this.#times(1, 3, () => this.#pick("LANG LC_* FOO B?R -LC_* -* -FOO".split(" ")))),
      () =>
        words(
          "SetEnv",
          ...this.#times(1, 3, () => this.#pick(["A=1", "A=2", "B=two words", "C=", "D=%h", "E=${GC_VAR}", "F=a=b"])),
        ),
      () => {
        const bytes = this.#pick(["default", "1G", "500M", "64K", "0", "4096"]);
        return words("RekeyLimit", bytes, ...(this.#chance(0.5) ? [this.#pick(["none", "1h", "30m"])] : []));
      },
      () => words("IPQoS", ...this.#times(1, 2, () => this.#pick("af21 cs1 ef none 16 8 le".split(" ")))),
      () => words("AddKeysToAgent", ...this.#pick([["yes"], ["no"], ["ask"], ["confirm"], ["confirm", "5m"], ["1h"]])),
      () => words("LogVerbose", ...this.#pick([["none"], ["kex.c:*"], ["kex.c:*", "packet.c:*"]])),
      () => words("CanonicalDomains", ...this.#pick([["none"], ["example.invalid"], ["a.invalid", "B.invalid."]])),
      () => words("Ciphers", this.#algorithms(CIPHERS)),
      () => words("MACs", this.#algorithms(MACS)),
      () => words("KexAlgorithms", this.#algorithms(KEX)),
      () =>
        words(
          this.#pick(["HostKeyAlgorithms", "PubkeyAcceptedAlgorithms", "HostbasedAcceptedAlgorithms"]),
          this.#algorithms(KEYS),
        ),
      () => words("CASignatureAlgorithms", this.#algorithms(KEYS.slice(0, 4))),
    ];
    return this.#pick(special)();
  }

  #spell(name: string): string {
    const kind = this.#random();
    if (kind < 0.6) return name;
    if (kind < 0.75) return name.toLowerCase();
    if (kind < 0.9) return name.toUpperCase();
    return name.replace(/[a-z]/gi, (letter) =>
      letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase(),
    );
  }

  #line([name, rest]: readonly [string, string], indent: string): string {
    const between = this.#random();
    const separator = ["=", " = ", "\t", "   "][[0.08, 0.13, 0.18, 0.21].findIndex((part) => between < part)] ?? " ";
    const spelled = this.#spell(name);
    const keyword = this.#chance(0.02) && separator !== "=" ? `"${spelled}"` : spelled;
    const isRaw = name in COMMANDS || name === "ProxyJump";
    let end = this.#chance(0.05) && !isRaw ? this.#pick(["  # comment", " #c"]) : "";
    if (this.#chance(0.04)) end += this.#pick(["  ", "\t", "\r", "\f"]);
    return indent + keyword + separator + rest + end;
  }

  #header(): string {
    if (this.#chance(0.55)) {
      const patterns = this.#times(1, 3, () => this.#word(this.#pick(PATTERNS)));
      return `${this.#spell("Host")} ${patterns.join(" ")}`;
    }
    const match = this.#spell("Match");
    if (this.#chance(0.06)) return `${match} ${this.#pick(["all", "ALL", "final all", "canonical all"])}`;
    return `${match} ${this.#times(1, 3, () => this.#criterion()).join(" ")}`;
  }

  #criterion(): string {
    const values: Readonly<Record<string, readonly string[]>> = {
      final: [],
      canonical: [],
      host: ["a", "*.example.org", "a,b", "*,!a", "web-??"],
      originalhost: ["a", "web-*", "*,!b"],
      user: ["u", "root", "u*,!u", "root,u"],
      localuser: ["root", "nobody", "*"],
      tagged: ["t1", "t1,t2", "t*", ""],
      exec: ["true", "false", "test %h = a", "test %n = a", "test -n '%p'", "test x%r = xroot", "test %u = %r"],
      localnetwork: ["127.0.0.0/8", "203.0.113.0/24", "203.0.113.0/24,127.0.0.0/8", "::1/128"],
      version: ["OpenSSH_*", "*_9.*,*_10.*", "Nacre*"],
      command: ["uptime", "up*", "", "*"],
      sessiontype: ["shell", "exec", "none,subsystem", "*"],
    };
    const name = this.#pick(Object.keys(values));
    const negation = this.#chance(0.25) ? "!" : "";
    if (values[name]!.length === 0) return negation + name;
    const value = this.#pick(values[name]!);
    const quoted = value.includes(" ") || value === "" || this.#chance(0.2) ? `"${value}"` : value;
    const separator = this.#chance(0.2) && name !== "sessiontype" && value !== "" ? "=" : " ";
    return negation + name + separator + quoted;
  }

  #body(from: number, to: number, indent: string): string[] {
    return this.#times(from, to, () => {
      if (this.#chance(0.06)) return this.#pick(["", "# comment", "   # c", "\t"]);
      return this.#line(this.#keyword(), indent);
    });
  }

  #file(depth: number): string {
    const lines = this.#body(0, 3, "");
    for (let i = this.#int(1, depth === 0 ? 4 : 2); i > 0; i--) {
      if (depth < 3 && this.#chance(0.22)) lines.push(this.#include(depth, this.#pick(["", "  "])));
      lines.push(this.#header(), ...this.#body(1, 5, this.#pick(["  ", "\t", "    ", ""])));
      if (depth < 3 && this.#chance(0.15)) lines.push(this.#include(depth, "  "));
    }
    return lines.join(this.#pick(["\n", "\n", "\n", "\r\n"])) + this.#pick(["\n", "\n", ""]);
  }

  #include(depth: number, indent: string): string {
    const base = `${depth}-${this.#includes.size}`;
    const names = this.#times(1, 2, () => "").map((_, i) => `${base}-${i}.conf`);
    // Take the names before the files inside take theirs.
    for (const name of names) this.#includes.set(name, "");
    for (const name of names) this.#includes.set(name, this.#file(depth + 1));
    const { folder, relativeFolder } = this.#place;
    const kind = this.#random();
    let path: string;
    if (kind < 0.3) path = `${folder}/inc/${base}-*.conf`;
    else if (kind < 0.5) path = `${folder}/inc/${base}-0.conf`;
    else if (kind < 0.65) path = `\${GC_CASE}/inc/${base}-[0-9].conf`;
    else if (kind < 0.8) path = `${relativeFolder}/${base}-?.conf`;
    else if (kind < 0.9) path = `~/.ssh/${relativeFolder}/${base}-*.conf`;
    else path = `${folder}/inc/missing-*.conf ${folder}/inc/${base}-0.conf`;
    if (path.includes(relativeFolder)) this.#isInHome = true;
    return `${indent}${this.#spell("Include")} ${path}`;
  }

  #args(): string[] {
    const args: string[] = [];
    const sometimes = (part: number, make: () => readonly string[]) => {
      if (this.#chance(part)) args.push(...make());
    };
    const port = () => this.#pick(["1", "22", "2201", "2222", "65535"]);
    sometimes(0.15, () => ["-p", port()]);
    sometimes(0.12, () => ["-l", this.#pick(["root", "u", "x"])]);
    sometimes(0.12, () => ["-J", this.#jump()]);
    sometimes(0.08, () => ["-L", `${this.#listen()}:${this.#target()}`]);
    sometimes(0.06, () => ["-R", `${this.#pick(["0", this.#listen()])}:${this.#target()}`]);
    sometimes(0.06, () => ["-D", this.#listen()]);
    sometimes(0.06, () => ["-P", this.#pick(["t1", "t2"])]);
    for (const flag of "AaXxYCqv46gnNTtMKk") sometimes(0.035, () => [`-${flag}`]);
    sometimes(0.04, () => ["-tt"]);
    sometimes(0.04, () => [`-${this.#sample("AxCqvgTtM4".split(""), 3).join("")}`]);
    sometimes(0.05, () => ["-c", this.#sample(CIPHERS, 2).join()]);
    sometimes(0.05, () => ["-m", this.#sample(MACS, 2).join()]);
    sometimes(0.04, () => ["-b", "127.0.0.1"]);
    sometimes(0.04, () => ["-e", this.#pick(["none", "^]", "%"])]);
    sometimes(0.04, () => ["-S", this.#pick(["none", "/tmp/%C"])]);
    sometimes(0.04, () => ["-i", "/etc/passwd"]);
    sometimes(0.04, () => ["-W", "db:80"]);
    for (let i = this.#chance(0.5) ? this.#int(0, 3) : 0; i > 0; i--) {
      const [name, rest] = this.#keyword();
      const option = name + this.#pick(["=", " ", " = ", "="]) + rest;
      args.push(...this.#pick([["-o", option], [`-o${option}`], [`-o ${option}`]]));
    }
    const host = this.#pick(HOSTS);
    const kind = this.#random();
    let destination = host;
    if (kind < 0.2) destination = `${this.#pick(["root", "u", "a.b"])}@${host}`;
    else if (kind < 0.3 && !/[:_]/.test(host))
      destination = `ssh://${this.#pick(["", "root@", "a%20b@", "u;x=y@"])}${host}${this.#pick(["", ":2222", ":2222/", "/"])}`;
    if (this.#chance(0.05)) args.push("--");
    args.push(destination);
    const tail = this.#random();
    if (tail < 0.25) args.push(...this.#pick([["uptime"], ["up", "x y"], ["--", "uptime", "-v"]]));
    else if (tail < 0.33) args.push("-p", port(), "uptime");
    else if (tail < 0.37) args.push("-v", "--", "echo");
    return args;
  }
}
