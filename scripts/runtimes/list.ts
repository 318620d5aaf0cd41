// Runtimes of the matrix that run vitest. `workerd/runtime.ts` has the one that does not. `versions/` pins their versions.

export type RuntimeName = "node22" | "node24" | "node26" | "deno" | "bun" | "windows";

/** Runtime that npm installs. */
export interface InstallableRuntime {
  /** Prefix of the runtime's packages in `versions/package.json`. The package names end with the architecture. */
  readonly name: RuntimeName | "workerd";
  /** Name for output and documents, such as "Node 22". */
  readonly title: string;
  /** Path of the executable in the package. */
  readonly program: string;
  /** Returns what `--version` prints for a version of the npm package; default the version itself. */
  readonly printedVersion?: (version: string) => string;
}

/** Runtime that runs vitest, and the facts that the matrix asserts about it. */
export interface RuntimeUnderTest extends InstallableRuntime {
  readonly name: RuntimeName;
  /** Packages with unit tests that run here. `nacre` needs no Node, so no second Node tests it. */
  readonly packages: readonly string[];
  /** Command-line arguments before the path of a script. */
  readonly words: readonly string[];
  /** Algorithms that `@nacre/node` offers by default on Node but not on this runtime. */
  readonly lacks: readonly string[];
  /** Cipher that `@nacre/node` prefers on this runtime. */
  readonly prefers: string;
  /** Name in README of the runtime's socket API; `undefined` for `node:net`. */
  readonly ownSockets: string | undefined;
}

const NODE = {
  program: "bin/node",
  packages: ["node", "cli"],
  words: [],
  lacks: [],
  prefers: "aes128-gcm@openssh.com",
  ownSockets: undefined,
};

/** Runtimes that run on this machine as they are. */
export const RUNTIMES: readonly RuntimeUnderTest[] = [
  { name: "node22", title: "Node 22", ...NODE },
  { name: "node24", title: "Node 24", ...NODE },
  { name: "node26", title: "Node 26", ...NODE },
  {
    name: "deno",
    title: "Deno",
    program: "deno",
    packages: ["node", "nacre"],
    words: ["run", "--allow-all"],
    lacks: [],
    prefers: "chacha20-poly1305@openssh.com",
    ownSockets: "`Deno.connect`, `Deno.listen`",
  },
  {
    name: "bun",
    title: "Bun",
    program: "bin/bun",
    packages: ["node", "nacre"],
    words: ["--bun"],
    lacks: ["diffie-hellman-group16-sha512", "diffie-hellman-group18-sha512", "diffie-hellman-group14-sha256"],
    prefers: "aes128-gcm@openssh.com",
    ownSockets: "`Bun.connect`, `Bun.listen`",
  },
];

/** Node for Windows, which Wine runs: see `windows/`. */
export const WINDOWS: RuntimeUnderTest = {
  ...NODE,
  name: "windows",
  title: "Windows, Node 24 under Wine",
  program: "bin/node.exe",
  packages: ["keyfiles", "files", "node", "nacre", "cli"],
};

/** Returns the runtime with this name. Throws if the name is unknown. */
export function runtimeNamed(name: string | undefined): RuntimeUnderTest {
  const all = [...RUNTIMES, WINDOWS];
  const found = all.find((runtime) => runtime.name === name);
  if (found === undefined)
    throw new Error(`unknown runtime ${name}; expected one of ${all.map((runtime) => runtime.name).join(", ")}`);
  return found;
}
