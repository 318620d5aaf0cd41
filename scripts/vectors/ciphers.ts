/**
 * Writes test-vectors/ciphers.json: published values for AES-CTR and HMAC, checked against OpenSSL first, and sealed packets. These come
 * from the reference implementation of the cipher tests, which uses OpenSSL through node:crypto.
 */
import { createCipheriv, createHash, createHmac } from "node:crypto";
import { writeFileSync } from "node:fs";
import * as noble from "@nacre/ciphers";
import { suitesOf } from "@nacre/testing/ciphers/suites";
import { twinSealer } from "@nacre/testing/ciphers/twin";

function bytes(label: string, length: number): Buffer {
  return createHash("shake256", { outputLength: length }).update(label).digest();
}

const counting = Buffer.from(Array.from({ length: 32 }, (_, i) => i)).toString("hex");
const single = Buffer.from("Single block msg").toString("hex");

/** Vectors of RFC 3686 §6 with whole blocks. Nonce, IV and a counter of 1 form the first counter block. */
const aesCtr = [
  [1, "ae6852f8121067cc4bf7a5765577f39e", "00000030", "0000000000000000", single, "e4095d4fb7a7b3792d6175a3261311b8"],
  [
    2,
    "7e24067817fae0d743d6ce1f32539163",
    "006cb6db",
    "c0543b59da48d90b",
    counting,
    "5104a106168a72d9790d41ee8edad388eb2e1efc46da57c8fce630df9141be28",
  ],
  [
    4,
    "16af5b145fc9f579c175f93e3bfb0eed863d06ccfdb78515",
    "00000048",
    "36733c147d6d93cb",
    single,
    "4b55384fe259c9c84e7935a003cbe928",
  ],
  [
    5,
    "7c5cb2401b3dc33c19e7340819e0f69c678c3db8e6f6a91a",
    "0096b03b",
    "020c6eadc2cb500d",
    counting,
    "453243fc609b23327edfaafa7131cd9f8490701c5ad4a79cfc1fe0ff42f4fb00",
  ],
  [
    7,
    "776beff2851db06f4c8a0542c8696f6c6a81af1eec96b4d37fc1d689e6c1c104",
    "00000060",
    "db5672c97aa8f0b2",
    single,
    "145ad01dbf824ec7560863dc71e3e0c0",
  ],
  [
    8,
    "f6d66d6bd52d59bb0796365879eff886c66dd51a5b6a99744b50590c87a23884",
    "00faac24",
    "c1585ef15a43d875",
    counting,
    "f05e231b3894612c49ee000b804eb2a9b8306b508f839d6a5530831d9344af1c",
  ],
].map(([number, key, nonce, iv, plaintext, ciphertext]) => ({
  name: `RFC 3686 §6 vector ${number}`,
  key: String(key),
  counterBlock: `${nonce}${iv}00000001`,
  plaintext: String(plaintext),
  ciphertext: String(ciphertext),
}));

for (const vector of aesCtr) {
  const key = Buffer.from(vector.key, "hex");
  const cipher = createCipheriv(`aes-${8 * key.length}-ctr`, key, Buffer.from(vector.counterBlock, "hex"));
  mustEqual(vector.name, cipher.update(vector.plaintext, "hex", "hex"), vector.ciphertext);
}

/** Vectors of RFC 4231 §4. */
const hmac = [
  [
    1,
    "0b".repeat(20),
    Buffer.from("Hi There").toString("hex"),
    "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
    "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854",
  ],
  [
    2,
    Buffer.from("Jefe").toString("hex"),
    Buffer.from("what do ya want for nothing?").toString("hex"),
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
  ],
  [
    3,
    "aa".repeat(20),
    "dd".repeat(50),
    "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
    "fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39bf3e848279a722c806b485a47e67c807b946a337bee8942674278859e13292fb",
  ],
  [
    4,
    "0102030405060708090a0b0c0d0e0f10111213141516171819",
    "cd".repeat(50),
    "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
    "b0ba465637458c6990e5a8c5f61d4af7e576d97ff94b872de76f8050361ee3dba91ca5c11aa25eb4d679275cc5788063a5f19741120c4f2de2adebeb10a298dd",
  ],
  [
    6,
    "aa".repeat(131),
    Buffer.from("Test Using Larger Than Block-Size Key - Hash Key First").toString("hex"),
    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
  ],
].map(([number, key, data, sha256, sha512]) => ({
  name: `RFC 4231 §4 test case ${number}`,
  key: String(key),
  data: String(data),
  sha256: String(sha256),
  sha512: String(sha512),
}));

for (const vector of hmac)
  for (const hash of ["sha256", "sha512"] as const)
    mustEqual(
      vector.name,
      createHmac(hash, Buffer.from(vector.key, "hex")).update(vector.data, "hex").digest("hex"),
      vector[hash],
    );

/** Three packets for each suite. The sequence numbers wrap around, and so do counters in the initialization vectors. */
const packets = suitesOf(noble).map(({ name, cipher, mac }) => {
  const keys = {
    key: bytes(`${name} key`, cipher.keyLength),
    iv: Buffer.alloc(cipher.ivLength, 0xff),
    macKey: bytes(`${name} mac`, mac?.keyLength ?? 0),
  };
  const seal = twinSealer(cipher.name, mac?.name, keys);
  const sealed = [1, 100, 1000].map((payloadLength, i) => {
    const sequenceNumber = (0xffff_fffe + i) % 2 ** 32;
    const counted = cipher.aead || mac?.etm ? 1 : 5;
    const block = cipher.name.startsWith("chacha20") ? 8 : 16;
    const short = block - ((counted + payloadLength) % block);
    const padding = short < 4 ? short + block : short;
    const body = bytes(`${name} ${i}`, 5 + payloadLength + padding);
    body.writeUInt32BE(body.length - 4);
    body[4] = padding;
    return { sequenceNumber, clear: body.toString("hex"), sealed: seal(sequenceNumber, body).toString("hex") };
  });
  return {
    cipher: cipher.name,
    mac: mac?.name ?? null,
    key: keys.key.toString("hex"),
    iv: keys.iv.toString("hex"),
    macKey: keys.macKey.toString("hex"),
    packets: sealed,
  };
});

const document = {
  source: `RFC 3686 §6; RFC 4231 §4; packets sealed with OpenSSL ${process.versions.openssl} through node:crypto`,
  script: "scripts/vectors/ciphers.ts",
  note: "Bytes are hexadecimal.",
  aesCtr,
  hmac,
  packets,
};
writeFileSync(new URL("../../test-vectors/ciphers.json", import.meta.url), `${JSON.stringify(document, null, 2)}\n`);

function mustEqual(name: string, actual: string, expected: string): void {
  if (actual !== expected) throw new Error(`${name}: expected ${expected}, OpenSSL gives ${actual}`);
}
