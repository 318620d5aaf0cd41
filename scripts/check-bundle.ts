// Bundles the front door for the browser, without a shim: no Node builtin and no Node global may be in it. And a client that names three
// algorithms, in which there must be no other. Prints what they weigh.
import { gzipSync } from "node:zlib";
import { build, type Metafile } from "esbuild";

/** As names: a property of `globalThis` may be looked for, since what is absent there is `undefined`. */
const FORBIDDEN = /(?<!\.)\b(?:Buffer\b|process\.|__dirname\b|require\(|setImmediate\b)/;

/** Most bytes of a page's client, gzipped, with known hosts and without key files. */
const MAX_WEB_CLIENT = 100 * 1024;

const MINIMAL_CLIENT = `export * from "./bundles/minimal-client.ts";`;

/** Where the algorithms are that this client does not name. */
const UNNAMED =
  /ciphers\/src\/(?:aes|noble-aes|hmac)|packages\/(?:ciphers-wasm|keyfiles|node)\/|kex\/src\/(?:mlkem|ml-kem|hybrid|modp|diffie|nist)|keys\/src\/(?:rsa|ecdsa|formats)|nacre\/src\/(?:defaults|chacha20)|@noble\/post-quantum|@noble\/ciphers\/(?:aes|_polyval|salsa)|@noble\/curves\/(?:nist|secp256k1|ed448|abstract\/weierstrass)|@noble\/hashes\/(?:sha3|legacy|blake|hkdf|pbkdf2|scrypt)/;
/** What only `privateKey` needs. */
const KEY_FILES = /packages\/keyfiles\//;
/** What only the formats of private keys need. */
const KEY_FILE_FORMATS =
  /keyfiles\/src\/(?:openssh|pem|pkcs|pbes|pbkdf|scrypt|bcrypt|blowfish|dek|der|key-der|open-|plain-|private-key-file)/;
/** Where those are that it names: the expression above looks at such paths. */
const NAMED = [
  "packages/ciphers/src/chacha20-poly1305.ts",
  "packages/kex/src/curve25519.ts",
  "packages/keys/src/ed25519.ts",
  "@noble/ciphers/chacha.js",
  "@noble/curves/ed25519.js",
];

const everything = await bundle(`export { connect, serve } from "nacre"; export * from "nacre/defaults";`, [
  "@nacre/source",
]);
checkGlobals(everything.code);
if (!carried(everything).some((input) => input.includes("packages/transport/src")))
  problem("the bundle does not hold the transport: the check is looking at the wrong thing");
if (carried(everything).filter((input) => UNNAMED.test(input)).length < 10)
  problem("what a minimal client must not hold is not in the whole either: the check is looking at the wrong thing");
for (const conditions of [["@nacre/source"], []])
  if (
    carried(await bundle(`export { connect, serve } from "nacre";`, conditions)).some((input) => KEY_FILES.test(input))
  )
    problem("a page that does not call privateKey holds the code that reads key files");
print("nacre for the browser", everything);

const withKeys = await bundle(`export { connect, privateKey } from "nacre";`, ["@nacre/source"]);
checkGlobals(withKeys.code);
if (!carried(withKeys).some((input) => KEY_FILES.test(input)))
  problem("a page that calls privateKey does not hold keyfiles: the check is looking at the wrong thing");
print("connect and privateKey, which a bundler that splits code loads late", withKeys);

const minimal = await bundle(MINIMAL_CLIENT, ["@nacre/source"]);
checkGlobals(minimal.code);
for (const file of NAMED)
  if (!carried(minimal).some((input) => input.endsWith(file))) problem(`the minimal client does not hold ${file}`);
for (const file of carried(minimal).filter((input) => UNNAMED.test(input)))
  problem(`the minimal client holds ${file}, which it does not name`);
print("a minimal client (curve25519, ssh-ed25519, chacha20-poly1305)", minimal);

const web = await bundle(`export { connect } from "@nacre/web";`, ["@nacre/source"]);
checkGlobals(web.code);
if (!carried(web).some((input) => input.includes("packages/tunnel/src")))
  problem("the web client does not hold the tunnel: the check is looking at the wrong thing");
for (const file of carried(web).filter((input) => KEY_FILE_FORMATS.test(input)))
  problem(`the web client holds ${file}, which reads key files`);
print("@nacre/web: WebSocket, resumable, with known hosts", web);
if (gzipSync(web.code).length > MAX_WEB_CLIENT)
  problem(`the web client weighs more than ${kib(MAX_WEB_CLIENT)} gzipped`);

const minimalWeb = await bundle(`export * from "./bundles/minimal-web-client.ts";`, ["@nacre/source"]);
checkGlobals(minimalWeb.code);
for (const file of carried(minimalWeb).filter((input) => UNNAMED.test(input)))
  problem(`the minimal web client holds ${file}, which it does not name`);
print("a minimal client over a WebSocket, resumable, with a pinned key", minimalWeb);

// As published a package is one file for each entry; a bundler must still drop the unused parts of it.
const published = await bundle(MINIMAL_CLIENT, []);
print("the same of the packages as published", published);
if (published.code.length > 1.05 * minimal.code.length)
  problem("the minimal client weighs more with the packages as published: something in them is not marked as pure");

interface Bundle {
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
  return { code: outputFiles[0]!.text, metafile };
}

/** The files of which anything is in the bundle. */
function carried({ metafile }: Bundle): string[] {
  return Object.values(metafile.outputs).flatMap(({ inputs }) =>
    Object.entries(inputs).flatMap(([file, { bytesInOutput }]) => (bytesInOutput > 0 ? [file] : [])),
  );
}

function checkGlobals(code: string): void {
  const found = FORBIDDEN.exec(code);
  if (found !== null)
    problem(`the bundle names ${found[0]}: …${code.slice(Math.max(0, found.index - 60), found.index + 60)}…`);
}

function print(what: string, one: Bundle): void {
  const { code } = one;
  console.error(
    `${what}: ${carried(one).length} modules, ${kib(code.length)} minified, ${kib(gzipSync(code).length)} gzipped`,
  );
}

function kib(bytes: number): string {
  return `${(bytes / 1024).toFixed(1)} KiB`;
}

function problem(text: string): void {
  console.error(text);
  process.exitCode = 1;
}
