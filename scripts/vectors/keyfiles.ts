// Writes test-vectors/keyfiles.json with this machine's ssh-keygen and openssl. Its keys are new, and are used only in these tests.
// Run: node --conditions=@nacre/source --import tsx scripts/vectors/keyfiles.ts
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PASSPHRASE = "correct horse ünd Batterie";
const folder = mkdtempSync(join(tmpdir(), "nacre-vectors-"));
const at = (name: string): string => join(folder, name);
const run = (command: string, ...args: string[]): string =>
  execFileSync(command, args, { encoding: "utf8", cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
const read = (name: string): string => readFileSync(at(name), "utf8");

interface PrivateKeyVector {
  readonly name: string;
  readonly made: string;
  readonly format: "openssh" | "pkcs8" | "pem";
  readonly passphrase?: string;
  /** Public key as format and base64, separated by a space. */
  readonly publicKey: string;
  readonly comment: string;
  readonly text: string;
}

const privateKeys: PrivateKeyVector[] = [];
const unsupported: { readonly name: string; readonly made: string; readonly text: string }[] = [];
const publicKeys: unknown[] = [];

const TYPES = [
  { name: "ed25519", args: ["-t", "ed25519"] },
  { name: "ecdsa-256", args: ["-t", "ecdsa", "-b", "256"] },
  { name: "ecdsa-384", args: ["-t", "ecdsa", "-b", "384"] },
  { name: "ecdsa-521", args: ["-t", "ecdsa", "-b", "521"] },
  { name: "rsa-2048", args: ["-t", "rsa", "-b", "2048"] },
] as const;

const FORMATS = {
  OPENSSH: "openssh",
  PEM: "pem",
  PRIVATE: "pkcs8",
  ENCRYPTED: "pkcs8",
  RSA: "pem",
  EC: "pem",
} as const;

/** Records the private key in `file`, with the public key in `publicFile`. */
function record(name: string, made: string, file: string, publicFile: string, passphrase: string): void {
  const text = read(file);
  const label = /BEGIN (\w+)/.exec(text)?.[1] as keyof typeof FORMATS;
  const [type, base64, comment = ""] = read(publicFile).trim().split(" ");
  const format = FORMATS[/BEGIN EC PARAMETERS/.test(text) ? "EC" : label];
  privateKeys.push({
    name,
    made,
    format,
    ...(passphrase !== "" && { passphrase }),
    publicKey: `${type} ${base64}`,
    comment: format === "openssh" ? comment : "",
    text,
  });
}

function sshKeygen(name: string, args: readonly string[], passphrase: string): void {
  run("ssh-keygen", "-q", ...args, "-N", passphrase, "-C", `${name}@nacre`, "-f", at(name));
  record(name, `ssh-keygen ${args.join(" ")}`, name, `${name}.pub`, passphrase);
}

for (const type of TYPES) {
  sshKeygen(`${type.name}-plain`, type.args, "");
  // One with the rounds of a new key; the others with few, since every test that opens them computes them.
  const rounds = type.name === "ed25519" ? [] : ["-a", "2"];
  sshKeygen(`${type.name}-encrypted`, [...type.args, ...rounds], PASSPHRASE);
  if (type.name === "ed25519") continue;
  for (const format of ["PEM", "PKCS8"]) {
    sshKeygen(`${type.name}-${format}-plain`, [...type.args, "-m", format], "");
    sshKeygen(`${type.name}-${format}-encrypted`, [...type.args, "-m", format], PASSPHRASE);
  }
}
for (const cipher of run("ssh", "-Q", "cipher").trim().split("\n")) {
  const name = `cipher-${cipher}`;
  const args = ["-t", "ed25519", "-Z", cipher, "-a", "2"];
  if (cipher !== "3des-cbc") {
    sshKeygen(name, args, PASSPHRASE);
  } else {
    run("ssh-keygen", "-q", ...args, "-N", PASSPHRASE, "-f", at(name));
    unsupported.push({ name: cipher, made: `ssh-keygen ${args.join(" ")}`, text: read(name) });
  }
}

// Keys that openssl makes; ssh-keygen writes their public key lines. Then the same keys in each of openssl's encryption methods.
const OPENSSL_KEYS = [
  ["openssl-ed25519", ["genpkey", "-algorithm", "ed25519"]],
  ["openssl-rsa", ["genpkey", "-algorithm", "rsa", "-pkeyopt", "rsa_keygen_bits:2048"]],
  ["openssl-p256", ["genpkey", "-algorithm", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]],
  ["openssl-p521", ["genpkey", "-algorithm", "ec", "-pkeyopt", "ec_paramgen_curve:P-521"]],
  ["openssl-ecparam-p384", ["ecparam", "-name", "secp384r1", "-genkey"]],
] as const;
for (const [name, args] of OPENSSL_KEYS) {
  run("openssl", ...args, "-out", name);
  run("chmod", "600", name);
  // ssh-keygen cannot read a file that begins with EC PARAMETERS, so it gets a PKCS#8 copy.
  run("openssl", "pkey", "-in", name, "-out", `${name}.pkcs8`);
  run("chmod", "600", `${name}.pkcs8`);
  writeFileSync(at(`${name}.pub`), run("ssh-keygen", "-y", "-f", at(`${name}.pkcs8`)));
  record(name, `openssl ${args.join(" ")}`, name, `${name}.pub`, "");
}
const TOPK8 = [
  ["-v2", "aes-128-cbc"],
  ["-v2", "aes-192-cbc"],
  ["-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA1", "-iter", "1000"],
  ["-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA384"],
  ["-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA512"],
  ["-scrypt", "-scrypt_N", "1024"],
  ["-v2", "aes-256-cbc", "-scrypt", "-scrypt_N", "2048", "-scrypt_r", "4", "-scrypt_p", "2"],
];
for (const [index, options] of TOPK8.entries()) {
  const name = `topk8-${index}`;
  const args = ["pkcs8", "-topk8", ...options];
  const of = index % 2 === 0 ? "openssl-p256" : "openssl-ed25519";
  run("openssl", ...args, "-in", of, "-passout", `pass:${PASSPHRASE}`, "-out", name);
  record(name, `openssl ${args.join(" ")}`, name, `${of}.pub`, PASSPHRASE);
}
for (const cipher of ["aes128", "aes192", "aes256"]) {
  const name = `dek-${cipher}`;
  const args = ["ec", `-${cipher}`];
  run("openssl", ...args, "-in", "openssl-p256", "-passout", `pass:${PASSPHRASE}`, "-out", name);
  record(name, `openssl ${args.join(" ")}`, name, "openssl-p256.pub", PASSPHRASE);
}
{
  const args = ["ec", "-no_public"];
  run("openssl", ...args, "-in", "openssl-p521", "-out", "no-public");
  record("sec1-no-public", `openssl ${args.join(" ")}`, "no-public", "openssl-p521.pub", "");
  const toPkcs8 = ["pkcs8", "-topk8", "-nocrypt"];
  run("openssl", ...toPkcs8, "-in", "no-public", "-out", "no-public.pkcs8");
  record("pkcs8-no-public", `openssl ${toPkcs8.join(" ")}`, "no-public.pkcs8", "openssl-p521.pub", "");
}

for (const [name, args] of [
  [
    "ssh-dss",
    ["genpkey", "-genparam", "-algorithm", "dsa", "-pkeyopt", "dsa_paramgen_bits:1024", "-out", "dsa.params"],
  ],
  ["X25519", ["genpkey", "-algorithm", "x25519"]],
  ["ssh-ed448", ["genpkey", "-algorithm", "ed448"]],
  ["RSASSA-PSS", ["genpkey", "-algorithm", "rsa-pss", "-pkeyopt", "rsa_keygen_bits:1024"]],
  ["secp256k1", ["genpkey", "-algorithm", "ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"]],
  [
    "explicit",
    ["genpkey", "-algorithm", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-pkeyopt", "ec_param_enc:explicit"],
  ],
] as const) {
  let text = run("openssl", ...args);
  if (name === "ssh-dss") text = run("openssl", "genpkey", "-paramfile", "dsa.params");
  unsupported.push({ name, made: `openssl ${args.join(" ")}`, text });
}
unsupported.push({
  name: "AES-256-OFB",
  made: "openssl ec -aes-256-ofb",
  text: run("openssl", "ec", "-aes-256-ofb", "-in", "openssl-p256", "-passout", "pass:x"),
});

for (const { name } of TYPES) {
  const file = `${name}-plain.pub`;
  // The first line is the output of -l; the others are the randomart picture.
  const show = (hash: string): unknown => {
    const [line = "", ...picture] = run("ssh-keygen", "-lv", "-E", hash, "-f", at(file)).trimEnd().split("\n");
    return { fingerprint: line.split(" ")[1], randomart: picture.join("\n") };
  };
  const rfc4716 = run("ssh-keygen", "-e", "-m", "RFC4716", "-f", at(file));
  publicKeys.push({ line: read(file).trim(), sha256: show("sha256"), md5: show("md5"), rfc4716 });
}

const keyOf = (name: string): string => read(`${name}-plain.pub`).split(" ").slice(0, 2).join(" ");
const [ed25519, ecdsa, rsa] = ["ed25519", "ecdsa-256", "rsa-2048"].map(keyOf) as [string, string, string];
const knownHosts = [
  "# a comment",
  "",
  `plain.example ${ed25519} a comment # with more`,
  `a.example,b.example,192.0.2.7 ${rsa}`,
  `[ported.example]:2222 ${ecdsa}`,
  `*.wild.example,!not.wild.example ${ed25519}`,
  `h?st.example\t${ecdsa}`,
  `@revoked * ${rsa}`,
  `@cert-authority *.ca.example ${ed25519}`,
  `UPPER.example ${ed25519}`,
  `  indented.example   ${ecdsa}`,
  `[*.wild.example]:2022 ${ecdsa}`,
  `2001:db8::1 ${ed25519}`,
  `[2001:db8::1]:2200 ${rsa}`,
  "",
].join("\n");
writeFileSync(at("known_hosts"), knownHosts);
const hashedInput = ["hashed.example", "[hashed.example]:2222", "192.0.2.9"]
  .map((name) => `${name} ${ed25519}\n`)
  .join("");
writeFileSync(at("hashed"), hashedInput);
run("ssh-keygen", "-H", "-f", at("hashed"));
const queries = [
  "plain.example",
  "a.example",
  "b.example",
  "192.0.2.7",
  "c.example",
  "ported.example",
  "[ported.example]:2222",
  "[plain.example]:2222",
  "x.wild.example",
  "not.wild.example",
  "[x.wild.example]:2022",
  "[not.wild.example]:2022",
  "host.example",
  "hst.example",
  "x.ca.example",
  "upper.example",
  "indented.example",
  "2001:db8::1",
  "[2001:db8::1]:2200",
  "hashed.example",
  "[hashed.example]:2222",
  "[hashed.example]:2223",
  "192.0.2.9",
  "192.0.2.90",
];
/** Returns the numbers of the lines that ssh-keygen finds. */
const find = (file: string, name: string): number[] =>
  [
    ...spawnSync("ssh-keygen", ["-F", name, "-f", at(file)], { encoding: "utf8" }).stdout.matchAll(
      /found: line (\d+)/g,
    ),
  ].map(([, line]) => Number(line));

const vectors = {
  source: `Made by scripts/vectors/keyfiles.ts with ${spawnSync("ssh", ["-V"], { encoding: "utf8" }).stderr.trim()} and ${run("openssl", "version").split(" (")[0]}. The keys are used only in these tests.`,
  bcryptPbkdf: [
    {
      source: "OpenBSD bcrypt_pbkdf; many implementations use this test vector",
      passphrase: "password",
      salt: "salt",
      rounds: 4,
      key: "5bbf0cc293587f1c3635555c27796598d47e579071bf427e9d8fbe842aba34d9",
    },
  ],
  privateKeys,
  unsupported,
  publicKeys,
  knownHosts: {
    text: knownHosts,
    hashed: read("hashed"),
    queries: queries.map((name) => ({ name, found: find("known_hosts", name), foundHashed: find("hashed", name) })),
  },
};
writeFileSync(new URL("../../test-vectors/keyfiles.json", import.meta.url), `${JSON.stringify(vectors, null, 2)}\n`);
rmSync(folder, { recursive: true });
console.log(
  `${privateKeys.length} private keys, ${unsupported.length} keys of unsupported kinds, ${publicKeys.length} public keys`,
);
