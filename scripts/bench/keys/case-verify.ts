import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  defaultCertificateAlgorithms,
  defaultSignatureAlgorithms,
  issueCertificate,
  type PrivateKey,
  type SignatureAlgorithm,
} from "@nacre/keys";
import { nodeUserKeys, privateKey } from "@nacre/node";
import { Authenticator } from "@nacre/testing/authenticator";
import { must } from "@nacre/testing/openssh/run";
import type { Bench, Case, Sample } from "../bench.ts";
import { median, spread } from "../measure/table.ts";

/** Length of what a client signs at a login. */
const DATA = randomBytes(263);
const MILLISECONDS = 300;

/** A signature to verify. */
interface Signed {
  readonly name: string;
  /** Name of the signature algorithm. */
  readonly algorithm: string;
  readonly publicKey: Uint8Array;
  readonly signature: Uint8Array;
  /** The same arithmetic in `openssl speed`. */
  readonly openssl: OpensslName;
  /** Verifications in one of ours: two with a certificate, since the authority's signature is verified as well. */
  readonly times: number;
}

/** Names of algorithms for `openssl speed`, and what its output calls them: the test's number and the bits of the key. */
const OPENSSL = {
  ed25519: ["F6", "253"],
  ecdsap256: ["F4", "256"],
  ecdsap384: ["F4", "384"],
  ecdsap521: ["F4", "521"],
  rsa3072: ["F2", "3072"],
} as const;
type OpensslName = keyof typeof OPENSSL;

/** Measures the verification of each kind of signature. */
export const verifyCase: Case = {
  name: "verify",
  what: "verifying signatures of keys, security keys, passkeys and certificates on node:crypto and on noble, beside `openssl speed`",
  async run(bench) {
    const all = await signatures();
    const samples: Sample[] = [];
    const lists = {
      "node:crypto": nodeUserKeys,
      noble: [...defaultSignatureAlgorithms, ...defaultCertificateAlgorithms],
    } as const;
    const results = new Map(all.map((one) => [one, { "node:crypto": [] as number[], noble: [] as number[] }]));
    const openssl: Record<OpensslName, number>[] = [];
    for (let round = 1; round <= bench.rounds; round++) {
      for (const one of all)
        for (const library of ["node:crypto", "noble"] as const) {
          bench.progress(`verify: ${one.name}, ${library}: round ${round} of ${bench.rounds}`);
          const microseconds = verifyTime(lists[library].find(({ name }) => name === one.algorithm)!, one);
          results.get(one)?.[library].push(microseconds);
          samples.push({ signature: one.name, library, microseconds });
        }
      openssl.push(await opensslTimes(bench, round, samples));
    }
    const table = {
      title: `CPU time to verify a signature of ${DATA.length} bytes, in one warm process`,
      head: ["signature", "node:crypto µs", "noble µs", "OpenSSL µs", "node:crypto vs. OpenSSL"],
      rows: all.map((one) => {
        const { "node:crypto": node, noble } = results.get(one)!;
        const own = openssl.map((times) => times[one.openssl] * one.times);
        return [
          one.name,
          spread(node, 0),
          spread(noble, 0),
          spread(own, 0),
          `${(median(node) / median(own)).toFixed(2)} ×`,
        ];
      }),
      notes: [
        "OpenSSL: `openssl speed` of the arithmetic alone, without hashing and without reading the key; for a certificate twice, since the",
        "authority's signature is verified too. Its version may differ from that in Node.",
      ],
    };
    return { tables: [table], samples };
  },
};

/** Makes keys with ssh-keygen and a signature with each. */
async function signatures(): Promise<readonly Signed[]> {
  const folder = await mkdtemp(join(tmpdir(), "nacre-bench-verify-"));
  try {
    const keyOf = async (type: string, bits: number): Promise<PrivateKey> => {
      const file = join(folder, `${type}-${bits}`);
      await must(["ssh-keygen", "-q", "-t", type, "-b", String(bits), "-N", "", "-f", file]);
      return privateKey(await readFile(file, "utf8"));
    };
    const ed25519 = await keyOf("ed25519", 256);
    const p256 = await keyOf("ecdsa", 256);
    const rsa = await keyOf("rsa", 3072);
    const plain: readonly (readonly [string, PrivateKey, OpensslName])[] = [
      ["Ed25519", ed25519, "ed25519"],
      ["ECDSA, P-256", p256, "ecdsap256"],
      ["ECDSA, P-384", await keyOf("ecdsa", 384), "ecdsap384"],
      ["ECDSA, P-521", await keyOf("ecdsa", 521), "ecdsap521"],
      ["RSA, 3072 bits", rsa, "rsa3072"],
    ];
    const onToken = { ed25519: "sk-ssh-ed25519@openssh.com", p256: "sk-ecdsa-sha2-nistp256@openssh.com" };
    const sk = new Authenticator(ed25519, onToken.ed25519);
    const skEcdsa = new Authenticator(p256, onToken.p256);
    const token = { publicKey: skEcdsa.blob, openssl: "ecdsap256", times: 1 } as const;
    return [
      ...plain.map(([name, key, openssl]) => ({ ...signed(name, key), openssl, times: 1 })),
      {
        name: "security key, Ed25519",
        algorithm: onToken.ed25519,
        publicKey: sk.blob,
        signature: sk.sign(DATA),
        openssl: "ed25519",
        times: 1,
      },
      { ...token, name: "security key, ECDSA", algorithm: onToken.p256, signature: skEcdsa.sign(DATA) },
      {
        ...token,
        name: "passkey",
        algorithm: "webauthn-sk-ecdsa-sha2-nistp256@openssh.com",
        signature: skEcdsa.signWebauthn(DATA),
      },
      { ...certified("certificate, Ed25519 by Ed25519", ed25519), openssl: "ed25519", times: 2 },
      { ...certified("certificate, RSA by RSA", rsa), openssl: "rsa3072", times: 2 },
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

type Made = Pick<Signed, "name" | "algorithm" | "publicKey" | "signature">;

function signed(name: string, key: PrivateKey): Made {
  const { name: algorithm } = key.publicKey.algorithms[0]!;
  return { name, algorithm, publicKey: key.publicKey.blob, signature: key.sign(algorithm, DATA, randomBytes) };
}

/** Returns a signature with a certificate, whose authority has the same key. */
function certified(name: string, key: PrivateKey): Made {
  const made = signed(name, key);
  const publicKey = issueCertificate(key, {
    publicKey: key.publicKey,
    type: "user",
    keyId: "bench",
    principals: ["alice"],
    validBefore: "forever",
    random: randomBytes,
  });
  return { ...made, algorithm: `${made.algorithm}-cert-v01@openssh.com`, publicKey };
}

/** Returns the mean CPU time of a verification in microseconds, which `openssl speed` measures, too. */
function verifyTime(algorithm: SignatureAlgorithm, { publicKey, signature, name }: Signed): number {
  const perform = (milliseconds: number): number => {
    const began = process.cpuUsage().user;
    for (let count = 1; ; count++) {
      if (algorithm.verify(publicKey, DATA, signature) === undefined)
        throw new Error(`the signature of ${name} is not valid`);
      const passed = process.cpuUsage().user - began;
      if (passed >= milliseconds * 1000) return passed / count;
    }
  };
  perform(MILLISECONDS / 3);
  return perform(MILLISECONDS);
}

/** Returns the time of a verification of each kind in microseconds, from the operations per second that `openssl speed` prints. */
async function opensslTimes(bench: Bench, round: number, samples: Sample[]): Promise<Record<OpensslName, number>> {
  bench.progress(`verify: openssl speed: round ${round} of ${bench.rounds}`);
  const names = Object.keys(OPENSSL) as OpensslName[];
  const printed = await must(["openssl", "speed", "-mr", "-seconds", "1", ...names]);
  const rows = printed.split("\n").map((line) => line.replace(/^\+/, "").split(":"));
  const entries = names.map((name) => {
    const [test, bits] = OPENSSL[name];
    const row = rows.find(([first, , size]) => first === test && size === bits);
    const perSecond = Number(row?.at(-1));
    if (!(perSecond > 0)) throw new Error(`openssl speed printed no result for ${name}: ${printed.slice(-500)}`);
    samples.push({ signature: name, library: "openssl", microseconds: 1e6 / perSecond });
    return [name, 1e6 / perSecond] as const;
  });
  return Object.fromEntries(entries) as Record<OpensslName, number>;
}
