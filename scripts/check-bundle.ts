// Bundles the `nacre` package for the browser without shims: it must not import Node modules or use Node globals. Also bundles a client
// that names three algorithms and one function, which must not contain any other. Bounds the file of
// `@nacre/ssh2`. Prints the size of each bundle, and compares those that README of `nacre` states.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { build, type Metafile } from "esbuild";
import { bundleSsh2 } from "./build/ssh2.ts";

/** Node globals as bare names. A property of `globalThis` is allowed: reading a missing one yields `undefined` and does not throw. */
const FORBIDDEN = /(?<!\.)\b(?:Buffer\b|process\.|__dirname\b|require\(|setImmediate\b)/;

const ALL = `export { connect, serve } from "nacre"; export * from "nacre/defaults";`;
const CONNECT = `export { connect } from "nacre";`;
const MINIMAL_CLIENT = `export * from "./bundles/minimal-client.ts";`;
const MINIMAL_WEB_CLIENT = `export * from "./bundles/minimal-web-client.ts";`;
const WEB_CLIENT = `export { connect } from "@nacre/web";`;

/** Most KiB of each bundle, gzipped, from the sources and with the packages as published. */
const MOST_KIB: Readonly<Record<string, number>> = {
  [ALL]: 109.9,
  [WEB_CLIENT]: 102.2,
  [MINIMAL_CLIENT]: 59.6,
  [MINIMAL_WEB_CLIENT]: 66.6,
};

/** Most KiB of the file of `@nacre/ssh2`, as published. */
const MOST_KIB_OF_SSH2 = 825;

/** Paths of algorithms that the minimal client does not name. */
const UNNAMED =
  /ciphers\/src\/(?:aes|noble-aes|hmac)|packages\/(?:ciphers-wasm|keyfiles|node)\/|kex\/src\/(?:mlkem|ml-kem|hybrid|modp|diffie|nist)|keys\/src\/(?:rsa|ecdsa|formats)|nacre\/src\/(?:defaults|chacha20)|@noble\/post-quantum|@noble\/ciphers\/(?:aes|_polyval|salsa)|@noble\/curves\/(?:nist|secp256k1|ed448|abstract\/weierstrass)|@noble\/hashes\/(?:sha3|legacy|blake|hkdf|pbkdf2|scrypt)/;
/** Paths of code of functions over clients that the minimal client does not import. */
const UNIMPORTED =
  /nacre\/src\/(?:bound-clients|streams\/web-streams|users\/forward\/(?:client|dial|remote-listener)|users\/session\/(?:spawn|process|base-process))/;
/** Paths of code that only SFTP needs. */
const SFTP_FILES = /packages\/(?:sftp|files)\//;
/** Paths of code that only an SFTP server needs. */
const SFTP_SERVER_FILES = /packages\/sftp\/src\/server\.ts|files\/(?:src|dist)\/serve/;
/** Paths of code that only files of a browser need. */
const BROWSER_FILES = /web\/(?:src|dist)\/files/;
/** Paths of code that only scp needs. */
const SCP_FILES = /packages\/sftp\/src\/scp|files\/(?:src|dist)\/scp/;
/** Paths of code that only an scp server needs. */
const SCP_SERVER_FILES = /files\/(?:src|dist)\/scp(?:-server|\/server\/)/;
/** Paths of code of SFTP that scp does not need. */
const NOT_IN_SCP =
  /packages\/sftp\/src\/(?:index|client|server|table|frame-reader)|files\/(?:src|dist)\/(?:remote\/sftp\.|blocks\/block-|transfer\/transfer\.)/;
/** Paths of code that only `privateKey` needs. */
const KEY_FILES = /packages\/keyfiles\//;
/** Paths of code that reads private key files. */
const KEY_FILE_FORMATS =
  /keyfiles\/src\/(?:openssh|pem|pkcs|pbes|pbkdf|scrypt|bcrypt|blowfish|dek|der|key-der|open-|plain-|private-key-file|ppk|argon2|public-key-formats|sshfp)/;
/** Paths of code that only PuTTY's key files need. */
const PUTTY_FILES = /keyfiles\/src\/(?:ppk|argon2)|@noble\/hashes\/blake/;
/** Packages whose algorithms and key formats are weighed: what each adds to the minimal client. */
const WEIGHED = ["@nacre/ciphers", "@nacre/kex", "@nacre/keys", "nacre/defaults"];
/** Other values that a program names or leaves out. */
const OPTIONAL = {
  nacre: ["privateKey"],
  "@nacre/keyfiles": ["ppkFiles"],
  "nacre/core": ["certificateAuthority"],
  "@nacre/web": ["hostCertificates"],
};
/** Paths of algorithms that the minimal client names. Finding them shows that paths still have the form that UNNAMED matches. */
const NAMED = [
  "packages/ciphers/src/chacha20-poly1305.ts",
  "packages/kex/src/curve25519.ts",
  "packages/keys/src/ed25519.ts",
  "@noble/ciphers/chacha.js",
  "@noble/curves/ed25519.js",
];

const everything = await bundle(ALL, ["@nacre/source"]);
checkGlobals(everything.code);
if (!carried(everything).some((input) => input.includes("packages/transport/src")))
  problem("the bundle does not contain the transport: this check looks in the wrong place");
if (carried(everything).filter((input) => UNIMPORTED.test(input)).length < 8)
  problem("fewer than 8 files in the full bundle match UNIMPORTED: this check looks in the wrong place");
if (carried(everything).filter((input) => UNNAMED.test(input)).length < 10)
  problem("fewer than 10 files in the full bundle match UNNAMED: this check looks in the wrong place");
for (const conditions of [["@nacre/source"], []])
  if (
    carried(await bundle(`export { connect, serve } from "nacre";`, conditions)).some((input) => KEY_FILES.test(input))
  )
    problem("a bundle of `connect` and `serve` without `privateKey` contains @nacre/keyfiles");
for (const file of carried(everything).filter((input) => SFTP_FILES.test(input)))
  problem(`a bundle that does not name @nacre/files contains ${file}`);
print("nacre for the browser", everything);

const withSftp = await bundle(`export { connect } from "nacre"; export { sftp } from "@nacre/files";`, [
  "@nacre/source",
]);
checkGlobals(withSftp.code);
if (carried(withSftp).filter((input) => SFTP_FILES.test(input)).length < 10)
  problem("fewer than 10 files in the bundle with SFTP match SFTP_FILES: this check looks in the wrong place");
for (const file of carried(withSftp).filter((input) => SFTP_SERVER_FILES.test(input)))
  problem(`a bundle that does not name @nacre/files/server contains ${file}`);
print("connect and sftp", withSftp);

const sftpServer = await bundle(`export { serve } from "nacre"; export * from "@nacre/files/server";`, [
  "@nacre/source",
]);
checkGlobals(sftpServer.code);
if (carried(sftpServer).filter((input) => SFTP_SERVER_FILES.test(input)).length < 8)
  problem(
    "fewer than 8 files in the bundle of an SFTP server match SFTP_SERVER_FILES: this check looks in the wrong place",
  );
print("serve and sftpServer", sftpServer);

for (const [name, sftp] of Object.entries({ "@nacre/files": withSftp, "@nacre/files/server": sftpServer }))
  for (const file of carried(sftp).filter((input) => SCP_FILES.test(input)))
    problem(`a bundle that names only ${name} contains ${file}`);

const withScp = await bundle(`export { connect } from "nacre"; export * from "@nacre/files/scp";`, ["@nacre/source"]);
checkGlobals(withScp.code);
if (carried(withScp).filter((input) => SCP_FILES.test(input)).length < 10)
  problem("fewer than 10 files in the bundle with scp match SCP_FILES: this check looks in the wrong place");
for (const file of carried(withScp).filter((input) => SCP_SERVER_FILES.test(input) || NOT_IN_SCP.test(input)))
  problem(`a bundle with connect and scp contains ${file}`);
print("connect and scp", withScp);

const scpServer = await bundle(`export { serve } from "nacre"; export * from "@nacre/files/scp-server";`, [
  "@nacre/source",
]);
checkGlobals(scpServer.code);
if (carried(scpServer).filter((input) => SCP_SERVER_FILES.test(input)).length < 5)
  problem(
    "fewer than 5 files in the bundle of an scp server match SCP_SERVER_FILES: this check looks in the wrong place",
  );
for (const file of carried(scpServer).filter((input) => NOT_IN_SCP.test(input)))
  problem(`a bundle of an scp server contains ${file}`);
print("serve and scpServer", scpServer);

const withKeys = await bundle(`export { connect, privateKey } from "nacre";`, ["@nacre/source"]);
checkGlobals(withKeys.code);
if (!carried(withKeys).some((input) => KEY_FILES.test(input)))
  problem("a bundle with `privateKey` does not contain @nacre/keyfiles: this check looks in the wrong place");
for (const file of carried(withKeys).filter((input) => PUTTY_FILES.test(input)))
  problem(`a bundle with \`privateKey\` that does not name \`ppkFiles\` contains ${file}`);
print("connect and privateKey", withKeys);

const withPpk = await bundle(
  `export { connect, privateKey } from "nacre"; export { ppkFiles } from "@nacre/keyfiles";`,
  ["@nacre/source"],
);
if (carried(withPpk).filter((input) => PUTTY_FILES.test(input)).length < 4)
  problem("fewer than 4 files in the bundle with `ppkFiles` match PUTTY_FILES: this check looks in the wrong place");
print("connect, privateKey and ppkFiles", withPpk);

const minimal = await bundle(MINIMAL_CLIENT, ["@nacre/source"]);
checkGlobals(minimal.code);
for (const file of NAMED)
  if (!carried(minimal).some((input) => input.endsWith(file))) problem(`the minimal client does not contain ${file}`);
for (const file of carried(minimal).filter((input) => UNNAMED.test(input)))
  problem(`the minimal client contains ${file}, an algorithm that it does not name`);
for (const file of carried(minimal).filter((input) => UNIMPORTED.test(input)))
  problem(`the minimal client contains ${file}, code of functions that it does not import`);
print("a minimal client (curve25519, ssh-ed25519, chacha20-poly1305) with `exec`", minimal);

const web = await bundle(WEB_CLIENT, ["@nacre/source"]);
checkGlobals(web.code);
if (!carried(web).some((input) => input.includes("packages/tunnel/src")))
  problem("the web client does not contain the tunnel: this check looks in the wrong place");
for (const file of carried(web).filter((input) => KEY_FILE_FORMATS.test(input)))
  problem(`the web client contains ${file}, which reads key files`);
for (const file of carried(web).filter((input) => BROWSER_FILES.test(input) || SFTP_FILES.test(input)))
  problem(`a bundle that does not name @nacre/web/files contains ${file}`);
print("@nacre/web: WebSocket, resumable, with known hosts", web);

const browserFiles = await bundle(`export * from "@nacre/web/files";`, ["@nacre/source"]);
checkGlobals(browserFiles.code);
if (carried(browserFiles).filter((input) => BROWSER_FILES.test(input)).length < 10)
  problem(
    "fewer than 10 files in the bundle of @nacre/web/files match BROWSER_FILES: this check looks in the wrong place",
  );
for (const file of carried(browserFiles).filter((input) => !/(?:web|wire)\/src\//.test(input) && input !== "<stdin>"))
  problem(`@nacre/web/files contains ${file}, although it needs only types of other packages`);
print("@nacre/web/files: files of the user, without transfers", browserFiles);

const minimalWeb = await bundle(MINIMAL_WEB_CLIENT, ["@nacre/source"]);
checkGlobals(minimalWeb.code);
for (const file of carried(minimalWeb).filter((input) => UNNAMED.test(input)))
  problem(`the minimal web client contains ${file}, which it does not name`);
// Even an unused `import()` makes esbuild wrap all modules that it reaches, or move them to a chunk.
for (const { metafile } of [minimal, minimalWeb])
  for (const [input, { imports }] of Object.entries(metafile.inputs))
    if (imports.some(({ kind }) => kind === "dynamic-import"))
      problem(`a minimal client reaches the import() in ${input}`);
print("a minimal client over a WebSocket, resumable, with a pinned key", minimalWeb);

// A published package has one file for each entry. A bundler must still be able to drop the unused parts of such a file.
for (const [name, source] of Object.entries({
  "the minimal client": minimal,
  "@nacre/web": web,
  "the minimal web client": minimalWeb,
})) {
  const published = await bundle(source.contents, []);
  print(`${name} with the packages as published`, published);
  if (published.code.length > 1.02 * source.code.length)
    problem(
      `${name} is larger with the packages as published; mark calls at module level with /* @__PURE__ */, and avoid computed keys there`,
    );
}

// The bundle of ssh2 is read whole by every program that uses it, and loading it should take no longer than loading ssh2.
const ssh2 = [...(await bundleSsh2()).files.values()].join("");
console.error(`@nacre/ssh2: ${kib(ssh2.length)}, ${kib(gzipSync(ssh2).length)} gzipped`);
if (ssh2.length > MOST_KIB_OF_SSH2 * 1024) problem(`@nacre/ssh2: larger than ${MOST_KIB_OF_SSH2} KiB`);

const named = await Promise.all(WEIGHED.map(async (entry) => ({ [entry]: valuesOf(await import(entry)) })));
for (const [entry, names] of Object.entries(Object.assign({}, ...named, OPTIONAL) as Record<string, string[]>))
  for (const name of names) {
    const one = await bundle(`${MINIMAL_CLIENT} export { ${name} } from "${entry}";`, ["@nacre/source"]);
    console.error(`  ${name} of ${entry}: ${kib(gzipSync(one.code).length - gzipSync(minimal.code).length)} gzipped`);
  }

const [, ...figures] =
  /about (\d+) KiB gzipped\..*?about (\d+) KiB\sfor the program below, and (\d+) KiB with a resumable WebSocket.*?adds (\d+) KiB gzipped/s.exec(
    readFileSync("packages/nacre/README.md", "utf8"),
  ) ?? [];
const withWasm = await bundle(`${MINIMAL_CLIENT} export { chacha20Poly1305 } from "nacre/defaults";`, [
  "@nacre/source",
]);
const sizes = [
  gzipSync((await bundle(CONNECT, ["@nacre/source"])).code).length,
  gzipSync(minimal.code).length,
  gzipSync(minimalWeb.code).length,
  gzipSync(withWasm.code).length - gzipSync(minimal.code).length,
];
for (const [at, size] of sizes.entries())
  if (!(Math.abs(Number(figures[at]) - size / 1024) <= 0.75))
    problem(`README of nacre says ${figures[at]} KiB where it is ${kib(size)}`);

/** Returns the names of algorithms and key formats among the exports of a module. */
function valuesOf(module: object): string[] {
  return Object.entries(module).flatMap(([name, value]) =>
    typeof value?.name === "string" && typeof value === "object" ? [name] : [],
  );
}

interface Bundle {
  readonly contents: string;
  readonly code: string;
  readonly metafile: Metafile;
}

async function bundle(contents: string, conditions: string[]): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    stdin: { contents, resolveDir: `${process.cwd()}/scripts` },
    bundle: true,
    write: false,
    minify: true,
    format: "esm",
    platform: "browser",
    target: "es2023",
    conditions,
    logLevel: "error",
    metafile: true,
  });
  return { contents, code: outputFiles[0]!.text, metafile };
}

/** Returns the files that contribute code to the bundle. */
function carried({ metafile }: Bundle): string[] {
  return Object.values(metafile.outputs).flatMap(({ inputs }) =>
    Object.entries(inputs).flatMap(([file, { bytesInOutput }]) => (bytesInOutput > 0 ? [file] : [])),
  );
}

function checkGlobals(code: string): void {
  const found = FORBIDDEN.exec(code);
  if (found !== null)
    problem(`the bundle uses ${found[0]}: …${code.slice(Math.max(0, found.index - 60), found.index + 60)}…`);
}

function print(what: string, one: Bundle): void {
  const { code, contents } = one;
  const gzipped = gzipSync(code).length;
  console.error(`${what}: ${carried(one).length} modules, ${kib(code.length)} minified, ${kib(gzipped)} gzipped`);
  const most = MOST_KIB[contents];
  if (most !== undefined && gzipped > most * 1024) problem(`${what}: larger than ${most} KiB gzipped`);
}

function kib(bytes: number): string {
  return `${(bytes / 1024).toFixed(1)} KiB`;
}

function problem(text: string): void {
  console.error(text);
  process.exitCode = 1;
}
