import {
  type EcdsaCurve,
  type EcdsaFields,
  ecdsaNistp256,
  ecdsaPrivateKey,
  type PrivateKey,
  privateKeyFromFields,
} from "@nacre/keys";
import { IMPLEMENTATIONS } from "@nacre/testing/attacks/implementations";
import { keyQuery } from "@nacre/testing/attacks/logins";
import * as message from "@nacre/testing/attacks/messages";
import { expectError as refuses } from "@nacre/testing/errors";
import { bodyOf, finish, keyOf, PASSPHRASE, pem, ppkVectors, textOf } from "@nacre/testing/keyfiles";
import { ecdsaScalars, keyVector, rsaFields, signatureBlob } from "@nacre/testing/keys";
import { seededRandom } from "@nacre/testing/random";
import {
  bigIntToBytes,
  bytesToBigInt,
  concatBytes,
  SSH_MSG_EXT_INFO,
  SSH_MSG_KEX_ECDH_REPLY,
  SSH_MSG_KEXINIT,
  SSH_MSG_USERAUTH_FAILURE,
  SSH_MSG_USERAUTH_PK_OK,
  SSH_MSG_USERAUTH_REQUEST,
  userauthPublickey,
  userauthSignedData,
  utf8DecodeLossy,
  Writer,
} from "@nacre/wire";
import { sha512 } from "@noble/hashes/sha2.js";
import { expect, test } from "vitest";
import vectors from "../../../../test-vectors/keys-rfc.json" with { type: "json" };
import { openPrivateKey, type UnlockedKey } from "../../../keyfiles/src/index.ts";
import { ClientTarget } from "./support/client-target.ts";
import { clientJudge, type Judge, serverJudge } from "./support/judges.ts";
import { ecdsaHostKey, ServerTarget } from "./support/server-target.ts";

const random = seededRandom(90);
const keyNamed = (name: string): PrivateKey => privateKeyFromFields(keyVector(name).fields);
const rsa = keyNamed("rsa-2048");
const ecdsa = keyNamed("ecdsa-256");

/** Encodes a signature blob with this name and content. */
const signature = (name: string, blob: Uint8Array): Uint8Array => new Writer().string(name).string(blob).finish();

const ecdsaBlob = (...parts: (string | Uint8Array)[]): Uint8Array => {
  const writer = new Writer();
  for (const part of parts) writer.string(part);
  return writer.finish();
};

function judgesEcdsa({ judge, badKey, badSignature }: Judge): void {
  const name = ecdsaNistp256.name;
  const p384 = keyNamed("ecdsa-384");
  const { publicPoint } = ecdsa.fields as EcdsaFields;
  const offCurve = publicPoint.slice();
  offCurve[40]! ^= 1;
  const compressed = Uint8Array.of(2 + (publicPoint[64]! & 1), ...publicPoint.subarray(1, 33));
  const p384Point = (p384.fields as EcdsaFields).publicPoint;
  const blobs = [
    p384.publicKey.blob,
    ecdsaBlob(name, "nistp384", p384Point),
    ecdsaBlob(name, "nistp256", p384Point),
    ecdsaBlob(name, "nistp384", publicPoint),
    ecdsaBlob("ecdsa-sha2-nistp384", "nistp256", publicPoint),
    ecdsaBlob(name, "nistp256", offCurve),
    ecdsaBlob(name, "nistp256", compressed),
    ecdsaBlob(name, "nistp256", Uint8Array.of(0)),
    ecdsaBlob(name, "nistp256", new Uint8Array(0)),
    ecdsaBlob(name, "nistp256", new Uint8Array(65).fill(4, 0, 1)),
    ecdsaBlob(name, "nistp256", publicPoint, "more"),
  ];
  for (const blob of blobs) {
    const key = blob === p384.publicKey.blob ? p384 : ecdsa;
    const sign = (data: Uint8Array): Uint8Array => key.sign(key.publicKey.algorithms[0]!.name, data, random);
    expect(judge({ key: ecdsa, blob, sign })).toBe(badKey);
  }

  // High and low s are both valid; r and s outside of 1…n−1 are not.
  const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
  const written = (r: bigint, s: bigint): Uint8Array => signature(name, new Writer().mpint(r).mpint(s).finish());
  const signedAs = (make: (r: bigint, s: bigint) => Uint8Array): string =>
    judge({
      key: ecdsa,
      sign: (data) => {
        const { r, s } = ecdsaScalars(ecdsa.sign(name, data, random));
        return make(r, s);
      },
    });
  for (const high of [true, false])
    expect(signedAs((r, s) => written(r, s > ORDER / 2n === high ? s : ORDER - s))).toBe("accepted");
  const change: readonly ((r: bigint, s: bigint) => Uint8Array)[] = [
    (r, s) => written(r, s + ORDER),
    (r, s) => written(r + ORDER, s),
    (r) => written(r, 0n),
    (_, s) => written(0n, s),
    (r) => written(r, ORDER),
    (r, s) => written(-r, s),
    (r, s) => signature(name, concatBytes(new Writer().mpint(r).mpint(s).finish(), Uint8Array.of(0))),
    (r, s) => signature("ecdsa-sha2-nistp384", new Writer().mpint(r).mpint(s).finish()),
  ];
  for (const make of change) expect(signedAs(make)).toBe(badSignature);
}

test("ECDSA · client", () => {
  for (const implementation of IMPLEMENTATIONS) judgesEcdsa(clientJudge(implementation));
  // A host key of another format than negotiated is rejected before it is parsed.
  const target = new ClientTarget({ peer: { hostKey: ecdsa } });
  const p384 = keyNamed("ecdsa-384");
  target.peer.identify().init();
  target.peer.reply({
    hostKey: p384.publicKey.blob,
    sign: (data) => p384.sign(p384.publicKey.format, data, random),
  });
  expect(target.expectClosed("kex-failed").message).toContain(`but ${ecdsaNistp256.name} was negotiated`);
});

test("ECDSA · server", () => {
  for (const implementation of IMPLEMENTATIONS) judgesEcdsa(serverJudge(implementation));
});

const rsaBlob = (exponent: bigint, modulus: bigint): Uint8Array =>
  new Writer().string("ssh-rsa").mpint(exponent).mpint(modulus).finish();
const oddNumber = (count: number): bigint => (1n << BigInt(count - 1)) | 1n;

function judgesRsa({ judge, badKey, badSignature }: Judge): void {
  const { n, d } = rsaFields("rsa-2048");
  const algorithm = "rsa-sha2-512";
  // Valid signatures by keys with a modulus of the wrong size. Small prime factors make this fast.
  for (const bits of [1024, 2047, 16385, 16392]) {
    const { modulus, root } = smooth(bits);
    const length = Math.ceil(bits / 8);
    const sign = (data: Uint8Array): Uint8Array =>
      signature(algorithm, bigIntToBytes(root(bytesToBigInt(padded(data, length - 86))), length));
    expect([bits, judge({ key: rsa, algorithm, blob: rsaBlob(65537n, modulus), sign })]).toEqual([bits, badKey]);
  }
  const fits = smooth(2048);
  const sign = (data: Uint8Array): Uint8Array =>
    signature(algorithm, bigIntToBytes(fits.root(bytesToBigInt(padded(data, 170))), 256));
  expect(judge({ key: rsa, algorithm, blob: rsaBlob(65537n, fits.modulus), sign })).toBe("accepted");
  const blobs = [
    new Writer().string("ssh-rsa").mpint(65537n).string(new Uint8Array(125_001).fill(0x7f)).finish(),
    keyVector("rsa-1024").blob,
    rsaBlob(1n, n),
    rsaBlob(2n, n),
    rsaBlob(-3n, n),
    rsaBlob(0n, n),
    rsaBlob(65536n, n),
    rsaBlob(oddNumber(16384), n),
    rsaBlob(65537n, n + 1n),
    rsaBlob(65537n, -n),
    concatBytes(rsaBlob(65537n, n), Uint8Array.of(0)),
  ];
  // With exponent 1, the padded message itself is a valid signature, which anyone can forge.
  for (const blob of blobs)
    expect(judge({ key: rsa, algorithm, blob, sign: (data) => signature(algorithm, padded(data, 170)) })).toBe(badKey);

  // Forged signatures: short padding with trailing bytes (accepted by lax parsers), other encodings, too long.
  const raise = (message: Uint8Array): Uint8Array => bigIntToBytes(power(bytesToBigInt(message), d, n), 256);
  const forgeries: readonly ((hash: Uint8Array) => Uint8Array)[] = [
    (hash) => raise(concatBytes(padded(hash, 8), new Uint8Array(256 - padded(hash, 8).length).fill(0x5a))),
    (hash) => raise(concatBytes(padded(hash, 0), new Uint8Array(256 - padded(hash, 0).length))),
    // Block type 2, and a wrong padding byte.
    (hash) => raise(changed(padded(hash, 170), 1, 2)),
    (hash) => raise(changed(padded(hash, 170), 100, 0xfe)),
    (hash) => concatBytes(raise(padded(hash, 170)), Uint8Array.of(0)),
    (hash) => bigIntToBytes(bytesToBigInt(raise(padded(hash, 170))) + n, 257),
  ];
  const forged = (make: (data: Uint8Array) => Uint8Array): string =>
    judge({ key: rsa, algorithm, sign: (data) => signature(algorithm, make(data)) });
  for (const forge of forgeries) expect(forged(forge)).toBe(badSignature);
  expect(forged((data) => raise(padded(data, 170)))).toBe("accepted");
}

test("RSA · client", () => {
  for (const implementation of IMPLEMENTATIONS) judgesRsa(clientJudge(implementation));
  // RSA with SHA-1 is not offered.
  const { serverHostKeyAlgorithms } = SSH_MSG_KEXINIT.decode(new ClientTarget().peer.identify().last(20));
  expect(serverHostKeyAlgorithms).toContain("rsa-sha2-512");
  expect(serverHostKeyAlgorithms).not.toContain("ssh-rsa");

  // Signing is blinded: it consumes random bytes, but the signature does not depend on them.
  const signatures = [1, 2].map((seed) => {
    let asked = 0;
    const source = seededRandom(seed);
    const made = rsa.sign("rsa-sha2-256", Uint8Array.of(1), (length) => {
      asked += length;
      return source(length);
    });
    expect(asked).toBeGreaterThanOrEqual(256);
    return made;
  });
  expect(signatures[0]).toEqual(signatures[1]);
});

test("RSA · server", () => {
  for (const implementation of IMPLEMENTATIONS) judgesRsa(serverJudge(implementation));
  // RSA with SHA-1 is neither offered nor accepted.
  const target = new ServerTarget().service();
  expect(SSH_MSG_KEXINIT.decode(target.peer.last(20)).serverHostKeyAlgorithms).not.toContain("ssh-rsa");
  const told = SSH_MSG_EXT_INFO.decode(target.peer.last(7)).extensions.map(({ value }) => utf8DecodeLossy(value));
  expect(told[0]).toContain("rsa-sha2-512");
  expect(told.join()).not.toContain("ssh-rsa");
  target.peer.send(keyQuery(rsa.publicKey, { algorithm: "ssh-rsa" }));
  expect(target.sent.at(-1)).toBe(SSH_MSG_USERAUTH_FAILURE.number);
  expect(target.eventsOf("query")).toEqual([]);
});

function judgesNames({ judge, badKey, badSignature }: Judge): void {
  // The signature must use the negotiated algorithm, in its name and in its content.
  for (const algorithm of ["rsa-sha2-256", "rsa-sha2-512"]) {
    const other = algorithm === "rsa-sha2-256" ? "rsa-sha2-512" : "rsa-sha2-256";
    const forgeries: readonly ((data: Uint8Array) => Uint8Array)[] = [
      (data) => rsa.sign(other, data, random),
      (data) => signature(algorithm, signatureBlob(rsa.sign(other, data, random))),
      ...[other, "ssh-rsa", "", `${algorithm}@openssh.com`].map(
        (name) => (data: Uint8Array) => signature(name, signatureBlob(rsa.sign(algorithm, data, random))),
      ),
    ];
    for (const sign of forgeries) expect(judge({ key: rsa, algorithm, sign })).toBe(badSignature);
    expect(judge({ key: rsa, algorithm })).toBe("accepted");
  }
  // A valid signature by a key of another type than negotiated.
  const { blob } = ecdsa.publicKey;
  const sign = (data: Uint8Array): Uint8Array => ecdsa.sign(ecdsaNistp256.name, data, random);
  expect(judge({ key: rsa, algorithm: "rsa-sha2-512", blob, sign })).toBe(badKey);
}

test("signature algorithm · server", () => {
  for (const implementation of IMPLEMENTATIONS) judgesNames(serverJudge(implementation));
});

test("signature algorithm · client", () => {
  for (const implementation of IMPLEMENTATIONS) judgesNames(clientJudge(implementation));
  // USERAUTH_PK_OK must name the queried key, and its algorithm or its format.
  const identities = [{ publicKey: rsa.publicKey }];
  const asking = (): ClientTarget => new ClientTarget({ client: { identities } }).service();
  const { blob: publicKey } = rsa.publicKey;
  for (const answer of [
    { algorithm: "ssh-ed25519", publicKey },
    { algorithm: "rsa-sha2-256", publicKey },
    { algorithm: "rsa-sha2-512", publicKey: keyVector("rsa-2048-other").blob },
  ]) {
    const target = asking();
    target.peer.send(SSH_MSG_USERAUTH_PK_OK.encode(answer));
    target.expectClosed("unexpected-message");
    expect(signedRequests(target)).toEqual([]);
  }
  // The format in the answer does not choose the algorithm of the signature.
  const named = asking();
  named.peer.send(SSH_MSG_USERAUTH_PK_OK.encode({ algorithm: "ssh-rsa", publicKey }));
  expect(named.eventsOf("sign").map(({ algorithm }) => algorithm)).toEqual(["rsa-sha2-512"]);
  // A signature of another algorithm than requested is never sent.
  for (const name of ["ssh-rsa", "rsa-sha2-256", "rsa-sha2-512"]) {
    const target = asking();
    target.peer.send(SSH_MSG_USERAUTH_PK_OK.encode({ algorithm: "rsa-sha2-512", publicKey }));
    const ask = target.eventsOf("sign")[0]!;
    target.machine.auth.answer(ask.token, signature(name, signatureBlob(rsa.sign(ask.algorithm, ask.data, random))));
    target.turn();
    expect(signedRequests(target)).toEqual(name === "rsa-sha2-512" ? ["rsa-sha2-512"] : []);
    if (name === "rsa-sha2-512") continue;
    target.peer.send(message.authFailure("publickey"));
    target.expectClosed("auth-failed");
    expect(signedRequests(target)).toEqual([]);
  }
});

/** Asserts the test vectors of RFC 6979 §A.2.5 to §A.2.7. */
function expectRfc6979(): void {
  let count = 0;
  for (const { curve, d, signatures } of vectors.ecdsa)
    for (const { message, r, s } of signatures) {
      const key = ecdsaPrivateKey(curve as EcdsaCurve, BigInt(`0x${d}`));
      const made = key.sign(`ecdsa-sha2-${curve}`, new TextEncoder().encode(message), random);
      expect(ecdsaScalars(made)).toEqual({ r: BigInt(`0x${r}`), s: BigInt(`0x${s}`) });
      count++;
    }
  expect(count).toBe(6);
}

test("nonce bias (CVE-2024-31497) · client", () => {
  expectRfc6979();
  // The signature of a real login depends only on key and data, not on the random source of the protocol machine.
  const key = keyNamed("ecdsa-521");
  const seen = new Set<bigint>();
  for (const seed of [1, 2, 3]) {
    const identities = [{ publicKey: key.publicKey, privateKey: key }];
    const target = new ClientTarget({ client: { identities, random: seededRandom(seed) } }).handshake();
    const request = SSH_MSG_USERAUTH_REQUEST.decode(target.peer.last(50));
    const { algorithm, publicKey, signature } = userauthPublickey.decode(request.methodData);
    const data = userauthSignedData(target.peer.sessionId, request, { algorithm, publicKey });
    expect(signature).toEqual(key.sign(algorithm, data, seededRandom(1000 + seed)));
    seen.add(ecdsaScalars(signature!).r);
  }
  expect(seen.size).toBe(3);
});

test("nonce bias (CVE-2024-31497) · server", () => {
  expectRfc6979();
  const seen = new Set<bigint>();
  for (const seed of [1, 2, 3]) {
    const target = new ServerTarget({
      machine: { random: seededRandom(seed) },
      peer: { hostKey: ecdsaHostKey },
    }).handshake();
    const made = SSH_MSG_KEX_ECDH_REPLY.decode(target.peer.last(31)).signature;
    expect(made).toEqual(ecdsaHostKey.sign("ecdsa-sha2-nistp521", target.peer.sessionId, seededRandom(1000 + seed)));
    seen.add(ecdsaScalars(made).r);
  }
  expect(seen.size).toBe(3);
});

test("encrypted private keys · client", () => {
  const text = textOf("cipher-aes256-ctr");
  const body = bodyOf(text);
  // Offset of the rounds: after the magic, the cipher name, the KDF name, the options' length and the salt.
  const at = 15 + (4 + 10) + (4 + 6) + 4 + (4 + 16);
  const withRounds = (rounds: number): string => {
    const copy = body.slice();
    new DataView(copy.buffer, copy.byteOffset).setUint32(at, rounds);
    return pem("OPENSSH PRIVATE KEY", copy);
  };
  expect(new DataView(body.buffer, body.byteOffset).getUint32(at)).toBe(2);
  for (const rounds of [2 ** 32 - 1, 2 ** 31, 1025])
    refuses("key-unsupported", () => openPrivateKey(withRounds(rounds)));
  refuses("file-malformed", () => openPrivateKey(withRounds(0)));
  expect(openPrivateKey(withRounds(1024)).encrypted).toBe(true);

  // An oversized file is rejected before it is parsed.
  for (const file of ["x".repeat(2 ** 20 + 1), new Uint8Array(2 ** 20 + 1)])
    expect(refuses("file-malformed", () => openPrivateKey(file))).toContain("maxFileSize");

  // The check integers reveal a wrong passphrase before the rest is parsed.
  const open = (passphrase: string): PrivateKey => {
    const file = openPrivateKey(text);
    if (!file.encrypted) throw new Error("the file is not encrypted");
    return finish(file.decrypt(passphrase)).privateKey;
  };
  refuses("passphrase-wrong", () => open(`${PASSPHRASE}x`));
  expect(open(PASSPHRASE).publicKey.blob).toHaveLength(51);
  const plain = bodyOf(textOf("ed25519-plain"));
  const { blob } = keyOf("ed25519-plain").publicKey;
  // Offset of the check integers: after the magic, "none" twice, empty options, the key count, the key blob and the section's length.
  const check = 15 + 8 + 8 + 4 + 4 + 4 + blob.length + 4;
  for (let i = 0; i < 8; i++) {
    const copy = plain.slice();
    copy[check + i]! ^= 1;
    refuses("file-malformed", () => openPrivateKey(pem("OPENSSH PRIVATE KEY", copy)));
  }
});

function openPpk(text: string, passphrase = PASSPHRASE): UnlockedKey {
  const file = openPrivateKey(text);
  return file.encrypted ? finish(file.decrypt(passphrase)) : file;
}

function ppkNamed(name: string): string {
  return ppkVectors.find((one) => one.name === name)!.text;
}

test("PPK files · client", () => {
  for (const name of ["ed25519-2-plain", "ed25519-2-encrypted", "ed25519-3-plain", "ed25519-3-encrypted"]) {
    const text = ppkNamed(name);
    expect(openPpk(text).comment).toBe("ed25519@nacre ü");
    // A change of what the MAC covers is not taken for a wrong passphrase, and the other way round.
    refuses("key-malformed", () => openPpk(text.replace("Comment: ed", "Comment: Ed")));
    refuses("key-malformed", () =>
      openPpk(text.replace(/(MAC: )(.)/, (_, head, one) => head + (one === "0" ? "1" : "0"))),
    );
    if (name.endsWith("encrypted")) refuses("passphrase-wrong", () => openPpk(text, `${PASSPHRASE}x`));
  }
  // 4 GiB of memory, and passes for years, are refused before any work.
  const costly = ppkNamed("ed25519-3-encrypted");
  for (const [from, to] of [
    ["Memory: 1024", "Memory: 4194304"],
    ["Passes: 2", "Passes: 4294967295"],
  ] as const)
    expect(refuses("key-unsupported", () => openPrivateKey(costly.replace(from, to)))).toContain("maxArgon2Work");
});

/** Returns the algorithms of all signed login requests. */
function signedRequests(target: ClientTarget): string[] {
  return target.peer.received
    .filter((payload) => payload[0] === SSH_MSG_USERAUTH_REQUEST.number)
    .map((payload) => SSH_MSG_USERAUTH_REQUEST.decode(payload))
    .filter(({ methodName }) => methodName === "publickey")
    .map(({ methodData }) => userauthPublickey.decode(methodData))
    .filter((request) => request.signature !== undefined)
    .map(({ algorithm }) => algorithm);
}

/** Encodes with EMSA-PKCS1-v1_5 and SHA-512 (RFC 8017 §9.2), with `length` padding bytes. */
function padded(data: Uint8Array, length: number): Uint8Array {
  const info = Uint8Array.of(0x30, 0x51, 0x30, 0x0d, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3, 5, 0, 4, 64);
  return concatBytes(Uint8Array.of(0, 1), new Uint8Array(length).fill(0xff), Uint8Array.of(0), info, sha512(data));
}

function changed(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const copy = bytes.slice();
  copy[at] = value;
  return copy;
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  for (let bit = exponent, square = base % modulus; bit > 0n; bit >>= 1n, square = (square * square) % modulus)
    if (bit & 1n) result = (result * square) % modulus;
  return result;
}

const bitLength = (value: bigint): number => value.toString(2).length;

/** Returns a modulus of this many bits, a product of distinct small primes, and a function for 65537th roots modulo it. */
function smooth(bits: number): { readonly modulus: bigint; readonly root: (value: bigint) => bigint } {
  const primes: bigint[] = [];
  let modulus = 1n;
  for (let candidate = 101n; bitLength(modulus) < bits - 16; candidate += 2n) {
    if (!isPrime(candidate)) continue;
    primes.push(candidate);
    modulus *= candidate;
  }
  // Multiply by a set of smaller primes that gives exactly the wanted bit length.
  const small = [3n, 5n, 7n, 11n, 13n, 17n, 19n, 23n, 29n, 31n];
  for (let set = 0; bitLength(modulus) !== bits; set++) {
    const chosen = small.filter((_, i) => (set >> i) & 1);
    const product = chosen.reduce((all, one) => all * one, modulus);
    if (bitLength(product) !== bits) continue;
    modulus = product;
    primes.push(...chosen);
  }
  const root = (value: bigint): bigint => {
    let result = 0n;
    let product = 1n;
    for (const prime of primes) {
      const residue = power(value, inverse(65537n, prime - 1n), prime);
      result += product * (((((residue - result) % prime) + prime) * inverse(product, prime)) % prime);
      product *= prime;
    }
    return result;
  };
  return { modulus, root };
}

function isPrime(value: bigint): boolean {
  for (let divisor = 3n; divisor * divisor <= value; divisor += 2n) if (value % divisor === 0n) return false;
  return true;
}

/** Returns the inverse of `value` modulo a small modulus. */
function inverse(value: bigint, modulus: bigint): bigint {
  let [a, b, x, y] = [value % modulus, modulus, 1n, 0n];
  while (b !== 0n) [a, b, x, y] = [b, a % b, y, x - (a / b) * y];
  return ((x % modulus) + modulus) % modulus;
}
