// The runtimes of the matrix. `versions/package.json` pins each of them.

export type RuntimeName = "node22" | "node24" | "node26" | "deno" | "bun";

/** One runtime, and what the matrix asserts about it. */
export interface RuntimeUnderTest {
  /** The prefix of its packages in `versions/package.json`, which end in the machine's architecture. */
  readonly name: RuntimeName;
  /** For readers: "Node 22". */
  readonly title: string;
  /** Path of the program in its package. */
  readonly program: string;
  /** Words before the path of a script. */
  readonly words: readonly string[];
  /** Names that a client on Node offers by default and a client of `@nacre/node` here does not. */
  readonly lacks: readonly string[];
  /** The cipher that `@nacre/node` prefers here. */
  readonly prefers: string;
  /** The sockets that `nacre` runs over here, as README names them; undefined where that is Node's `net`. */
  readonly ownSockets: string | undefined;
}

const NODE = { program: "bin/node", words: [], lacks: [], prefers: "aes128-gcm@openssh.com", ownSockets: undefined };

export const RUNTIMES: readonly RuntimeUnderTest[] = [
  { name: "node22", title: "Node 22", ...NODE },
  { name: "node24", title: "Node 24", ...NODE },
  { name: "node26", title: "Node 26", ...NODE },
  {
    name: "deno",
    title: "Deno",
    program: "deno",
    words: ["run", "--allow-all"],
    lacks: [],
    prefers: "chacha20-poly1305@openssh.com",
    ownSockets: "`Deno.connect`, `Deno.listen`",
  },
  {
    name: "bun",
    title: "Bun",
    program: "bin/bun",
    words: ["--bun"],
    lacks: ["diffie-hellman-group16-sha512", "diffie-hellman-group18-sha512", "diffie-hellman-group14-sha256"],
    prefers: "aes128-gcm@openssh.com",
    ownSockets: "`Bun.connect`, `Bun.listen`",
  },
];

/** The runtime of that name. Throws if the list has none. */
export function runtimeNamed(name: string | undefined): RuntimeUnderTest {
  const found = RUNTIMES.find((runtime) => runtime.name === name);
  if (found === undefined)
    throw new Error(`no runtime ${name}: the list has ${RUNTIMES.map((runtime) => runtime.name).join(", ")}`);
  return found;
}
