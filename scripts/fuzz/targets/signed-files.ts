import {
  formatKrl,
  krlRevokes,
  mergeRanges,
  parseAllowedSigners,
  parseFileSignature,
  parseKrl,
  parseRevokedKeys,
  verifyFile,
} from "@nacre/keyfiles";
import { generateEd25519 } from "@nacre/keys";
import { seededRandom } from "@nacre/testing/random";
import { base64Decode, utf8Encode } from "@nacre/wire";
import { formatFileSignature } from "../../../packages/keyfiles/src/sshsig/file-signature.ts";
import lists from "../../../test-vectors/revocation-lists.json" with { type: "json" };
import signed from "../../../test-vectors/signed-files.json" with { type: "json" };
import { attempt, expectEqual, expectSafe, expectTrue } from "../contract.ts";
import type { Target } from "../fuzzer/target.ts";
import { latin1 } from "../input.ts";

const KEY = generateEd25519(seededRandom(41)).publicKey.blob;
const FILE = utf8Encode(signed.made.file);
/** Most serial numbers that are written again: a bitmap of a few bytes may stand for many ranges. */
const MAX_RANGES = 1000;

/** An armoured signature of a file. */
const fileSignatures: Target = {
  name: "file-signatures",
  run: (bytes) => {
    const signature = attempt(() => parseFileSignature(bytes));
    if (signature === undefined) return;
    const written = formatFileSignature(signature);
    expectEqual(parseFileSignature(written), signature, "a signature written and read");
    attempt(() => verifyFile(bytes, FILE, { namespace: signature.namespace }));
  },
};

/** A list of signers. */
const allowedSigners: Target = {
  name: "allowed-signers",
  run: (bytes) => {
    const signers = parseAllowedSigners(latin1(bytes));
    for (const { problem } of signers.problems) expectSafe(problem);
    const signer = { publicKey: KEY };
    expectTrue(
      !signers.check("alice", { publicKey: new Uint8Array(0) }, { namespace: "file", time: 0 }).allowed,
      "a key that no line has is allowed",
    );
    signers.check("alice", signer, { namespace: "file", time: 1_700_000_000_000 });
    signers.findPrincipals(signer, 1_700_000_000_000);
    attempt(() => signers.matchPrincipals("alice"));
  },
};

/** A revocation list. What it revokes must be revoked by the list that is made of its content. */
const revocationLists: Target = {
  name: "revocation-lists",
  run: (bytes) => {
    attempt(() => parseRevokedKeys(bytes));
    const krl = attempt(() => parseKrl(bytes));
    if (krl === undefined) return;
    krlRevokes(krl, { plainBlob: KEY, certificate: { serial: 17n, keyId: utf8Encode("alice"), authority: KEY } });
    for (const { serials } of krl.certificates.values()) {
      let count = 0;
      for (const [first, last] of serials) {
        expectTrue(serials.has(first) && serials.has(last), `the numbers ${first} and ${last} are not in their set`);
        if (++count > MAX_RANGES) return;
      }
    }
    // Key ids with a NUL are read, since they revoke nothing, but not written.
    const again = attempt(() => formatKrl({ ...krl, certificates: krl.certificates.values() }));
    if (again === undefined) return;
    const read = parseKrl(again);
    for (const blob of krl.keys) expectTrue(read.keys.has(blob), "a key is lost");
    for (const [name, { serials, keyIds }] of krl.certificates) {
      const twin = read.certificates.get(name)!;
      expectEqual(mergeRanges(twin.serials), mergeRanges(serials), "serial numbers written and read");
      for (const keyId of keyIds) expectTrue(twin.keyIds.has(keyId), "a key id is lost");
    }
  },
};

export const signedFileTargets: readonly Target[] = [fileSignatures, allowedSigners, revocationLists];

/** Returns the first inputs of these targets: signatures of OpenSSH's tests and of ssh-keygen, and its lists. */
export function signedFileSeeds(): Record<string, Uint8Array[]> {
  const { publicKey } = signed.unitTests.signatures[0]!;
  return {
    "file-signatures": [...signed.unitTests.signatures, ...signed.made.signatures].map(({ signature }) =>
      utf8Encode(signature),
    ),
    "allowed-signers": [
      `alice@example.org,*@a.org,!eve ${publicKey}\n`,
      `"a b" cert-authority,namespaces="git,file" ${publicKey}\n`,
      `a valid-after="20200101",valid-before="20300101120000Z" ${publicKey}\n`,
    ].map(utf8Encode),
    "revocation-lists": lists.lists.map(({ bytes }) => base64Decode(bytes)!),
  };
}
