// Checks that applications compile with the packages as published. Packs the packages, unpacks them next to the programs of
// scripts/consumer, and compiles these with the oldest supported and the newest TypeScript, each module resolution, and with and
// without skipLibCheck. Fails if a compiler did not read our declarations.
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { pack } from "./pack.ts";

/** Outside the workspace, so that an undeclared dependency is not found in a parent folder. */
const folder = mkdtempSync(join(tmpdir(), "nacre-consumers-"));

const COMPILERS = { "5.2": "typescript-5.2", newest: "typescript" };
const MODULES = [
  { module: "nodenext", moduleResolution: "nodenext" },
  { module: "esnext", moduleResolution: "bundler" },
];
/** Programs that use the packages. `ssh2.ts` and `same-types.ts` import ssh2, in whose place is `@nacre/ssh2`. */
const PROGRAMS = [
  { file: "web.ts", landmark: "nacre/dist/index.d.ts", settings: { lib: ["es2022", "dom"], types: [] } },
  { file: "node.ts", landmark: "@nacre/node/dist/index.d.ts", settings: { lib: ["es2022"], types: ["node"] } },
  { file: "ssh2.ts", landmark: "ssh2/types/client.d.ts", settings: { lib: ["es2022"], types: ["node"] } },
  { file: "same-types.ts", landmark: "ssh2/types/client.d.ts", settings: { lib: ["es2022"], types: ["node"] } },
];
/** Folders in the workspace of the packages that ours depend on. */
const OTHERS = [
  "packages/ciphers/node_modules/@noble/ciphers",
  "packages/keys/node_modules/@noble/curves",
  "packages/keys/node_modules/@noble/hashes",
  "packages/kex/node_modules/@noble/post-quantum",
  "./node_modules/@types/node",
];

/** Types that contain the name of a key exchange method, as ML-KEM is in ours. */
const WITH_KEX = new Set(["Algorithms", "ConnectConfig", "KexAlgorithm", "NegotiatedAlgorithms", "ServerConfig"]);

const TYPES_OF_SSH2 = "node_modules/@types/ssh2/index.d.ts";

/** What the types of `@nacre/ssh2` have beside those of `@types/ssh2`: members by the class or interface that declares them. */
const ADDITIONS: Readonly<Record<string, readonly string[]>> = {
  Client: ["rekey"],
  ClientErrorExtensions: ["cause", "fatal", "reason"],
  ConnectConfig: ["hostKeys", "hostname", "limits", "user"],
  Connection: ["openssh_authAgent", "setNoDelay"],
  ExecOptions: ["agentForward"],
  OpenSSHAgent: ["socketPath"],
  SFTPWrapper: ["ext_home_dir", "ext_users_groups"],
  ServerConfig: ["limits"],
  ShellOptions: ["agentForward"],
};

/** Overloads that the types of `@nacre/ssh2` have beside those of `@types/ssh2`. */
const OVERLOADS: Readonly<Record<string, string>> = {
  Client: "sftp(env: NodeJS.ProcessEnv, callback: Ours.ClientSFTPCallback): this;",
};

/** Calls that compile with the types of `@nacre/ssh2` alone, because its methods take other arguments. */
const OTHER_ARGUMENTS = `
export function useOthers(client: Ours.Client): void {
  client.sftp({ LANG: "C" }, (error, sftp) => error ?? sftp.end());
  client.openssh_forwardOutStreamLocal("/a").openssh_forwardInStreamLocal("/a").openssh_unforwardInStreamLocal("/a");
  client.openssh_noMoreSessions();
}`;

let compiled = 0;
try {
  install();
  runCommonJs();
  for (const { file, landmark, settings } of PROGRAMS)
    for (const [name, compiler] of Object.entries(COMPILERS))
      for (const modules of MODULES)
        for (const skipLibCheck of [true, false])
          check(
            `${file}, TypeScript ${name}, ${modules.moduleResolution}, skipLibCheck ${skipLibCheck}`,
            compiler,
            landmark,
            {
              files: [file],
              compilerOptions: {
                ...settings,
                ...modules,
                skipLibCheck,
                target: "es2022",
                strict: true,
                exactOptionalPropertyTypes: true,
                noEmit: true,
              },
            },
          );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.error(`${compiled} combinations of program and compiler settings compile, and require() works`);

/** Installs the packages from their tarballs, with links to the workspace's versions of their dependencies. */
function install(): void {
  const modules = join(folder, "node_modules");
  mkdirSync(modules);
  for (const tarball of pack(join(folder, "tarballs"))) {
    run("tar", ["-xzf", tarball, "-C", folder]);
    const unpacked = join(folder, "package");
    const { name } = JSON.parse(readFileSync(join(unpacked, "package.json"), "utf8")) as { readonly name: string };
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    run("mv", [unpacked, join(modules, name)]);
  }
  for (const dependency of OTHERS) {
    const name = dependency.split("/node_modules/")[1]!;
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(realpathSync(dependency), join(modules, name));
  }
  cpSync(join(modules, "@nacre/ssh2"), join(modules, "ssh2"), { recursive: true });
  // Copies, which get the types of Node from here.
  for (const name of ["types-of-ssh2", "types-with-additions"]) {
    mkdirSync(join(modules, name));
    copyFileSync(TYPES_OF_SSH2, join(modules, name, "index.d.ts"));
    writeFileSync(join(modules, name, "package.json"), JSON.stringify({ types: "index.d.ts" }));
  }
  writeFileSync(join(folder, "same-types.ts"), typeComparison());
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "consumer", type: "module" }));
  for (const file of readdirSync("scripts/consumer")) copyFileSync(`scripts/consumer/${file}`, join(folder, file));
}

/**
 * Returns a module that compiles if each type and class of `@types/ssh2`, with our additions, can be used in place of that of
 * `@nacre/ssh2`, and the other way round, so that what compiles with `@types/ssh2` compiles with ours. Only the names of key exchange
 * methods may be more in ours. The additions must be exactly those of the list.
 */
function typeComparison(): string {
  const text = readFileSync(TYPES_OF_SSH2, "utf8");
  const declared = [...text.matchAll(/^export (?:abstract )?(type|interface|class) (\w+)(<T>)?/gm)];
  if (declared.length < 100) throw new Error(`@types/ssh2 declares only ${declared.length} types; look at the pattern`);
  const lines = declared.flatMap(([, kind, name, generic]) => {
    const type = `${name}${generic === undefined ? "" : "<string>"}`;
    return [
      `export const ours${name} = (theirs: Theirs.${type}): Ours.${type} => theirs;`,
      ...(WITH_KEX.has(name!) ? [] : [`export const theirs${name} = (ours: Ours.${type}): Theirs.${type} => ours;`]),
      ...(kind === "class" ? [`export const class${name}: typeof Theirs.${name} = Ours.${name};`] : []),
      ...(kind === "type" ? [] : [`export const unlisted${name}: Unlisted<Ours.${type}, Theirs.${type}> = true;`]),
    ];
  });
  const additions = Object.entries(ADDITIONS).map(([name, members]) => {
    const keys = members.map((member) => `"${member}"`);
    return `
declare module "types-with-additions" {
  interface ${name} extends Pick<Ours.${name}, ${keys.join(" | ")}> {
    ${OVERLOADS[name] ?? ""}
  }
}
export const added${name}: Exclude<keyof Ours.${name}, keyof Plain.${name}>[] = [${keys.join(", ")}];`;
  });
  return `import type * as Plain from "types-of-ssh2";
import type * as Theirs from "types-with-additions";
import * as Ours from "ssh2";
/** True if no member is missing in the list of additions. */
type Unlisted<O, T> = [Exclude<keyof O, keyof T>] extends [never] ? true : false;
export const functions: Pick<typeof Theirs, "createAgent"> = Ours;
export const { parseKey, generateKeyPair, generateKeyPairSync }: Omit<typeof Theirs.utils, "sftp"> = Ours.utils;
export const { flagsToString }: Pick<typeof Theirs.utils.sftp, "flagsToString"> = Ours.utils.sftp;
${lines.join("\n")}${additions.join("\n")}${OTHER_ARGUMENTS}
`;
}

/** Runs the CommonJS program, and checks what it prints. */
function runCommonJs(): void {
  const printed = run(process.execPath, [join(folder, "require.cjs")], { cwd: folder });
  const expected = "ran uptime\ntrue auth-failed\n";
  if (printed !== expected) throw new Error(`require.cjs printed ${printed}; expected ${expected}`);
}

/** Compiles a program, and checks that the compiler read our declarations. */
function check(title: string, compiler: string, landmark: string, config: object): void {
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
  const tsc = resolve("node_modules", compiler, "bin", "tsc");
  const { status, stdout } = spawnSync(process.execPath, [tsc, "-p", folder, "--listFiles", "--pretty", "false"], {
    encoding: "utf8",
    maxBuffer: 16 * 1024 * 1024,
  });
  if (status === 0 && stdout.includes(`/node_modules/${landmark}`)) {
    compiled++;
    return;
  }
  const problems = stdout.split("\n").filter((line) => line.includes("error TS"));
  console.error([title, ...(problems.length > 0 ? problems : [`the compiler did not read ${landmark}`])].join("\n"));
  process.exitCode = 1;
}

/** Runs a tool and returns its standard output. Throws if it fails. */
function run(tool: string, args: readonly string[], { cwd }: { readonly cwd?: string } = {}): string {
  const { status, stdout, stderr, error } = spawnSync(tool, args, { cwd, encoding: "utf8" });
  if (status !== 0) throw new Error(`${tool} ${args.join(" ")}: ${error?.message ?? `${stdout}${stderr}`}`);
  return stdout;
}
