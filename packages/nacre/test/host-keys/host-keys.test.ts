import {
  defaultCertificateAlgorithms,
  defaultSignatureAlgorithms,
  generateEcdsa,
  generateEd25519,
  issueCertificate,
  type PrivateKey,
} from "@nacre/keys";
import { failure } from "@nacre/testing/nacre/outcomes";
import { seededRandom } from "@nacre/testing/random";
import { Writer } from "@nacre/wire";
import { type AnnouncedHostKeys, hostKeysClient } from "nacre/extend";
import { describe, expect, it } from "vitest";
import type { GlobalReply, GlobalRequestHandler } from "../../src/mux/mux.ts";
import type { PeerGlobalRequest } from "../../src/mux/peer-asks.ts";

const random = seededRandom(22);
const current = generateEd25519(random);
const fresh = generateEd25519(random);
const ecdsa = generateEcdsa("nistp256", random);
const sessionId = random(32);

const blobOf = ({ publicKey }: PrivateKey): Uint8Array => publicKey.blob;

const strings = (values: readonly Uint8Array[]): Uint8Array => {
  const writer = new Writer(1024);
  for (const value of values) writer.string(value);
  return writer.finish();
};

/** Returns what a server signs to prove that it has a key. */
const proofData = (blob: Uint8Array, session = sessionId): Uint8Array =>
  new Writer(512).string("hostkeys-prove-00@openssh.com").string(session).string(blob).finish();

const proofOf = (key: PrivateKey, session?: Uint8Array, over = key): Uint8Array =>
  key.sign(key.publicKey.algorithms[0]!.name, proofData(blobOf(over), session), random);

/** A client whose server sends announcements. */
class Announced {
  readonly announced: AnnouncedHostKeys[] = [];
  /** Requests for proofs. */
  readonly asked: Uint8Array[] = [];
  reply: GlobalReply = { success: false, error: undefined };
  readonly #handlers = new Map<string, GlobalRequestHandler>();

  constructor({ maxHostKeys = 32, hostKey = blobOf(current) } = {}) {
    hostKeysClient.begin({
      options: {
        updateHostKeys: {
          algorithms: [...defaultCertificateAlgorithms, ...defaultSignatureAlgorithms],
          update: async (announced: AnnouncedHostKeys) => void this.announced.push(announced),
        },
      },
      limits: { maxHostKeys },
      mux: {
        onGlobalRequest: (name: string, handler: GlobalRequestHandler) => this.#handlers.set(name, handler),
        globalRequest: (_name: string, data: Uint8Array, onReply: (reply: GlobalReply) => void) => {
          this.asked.push(data);
          onReply(this.reply);
        },
      },
      server: {
        serverProof: { sessionId, hostKey },
        negotiated: { hostKey: defaultSignatureAlgorithms.find(({ name }) => name === "ssh-ed25519") },
      },
    } as never);
  }

  /** Sends an announcement. Returns what the client made of it. */
  announce(data: Uint8Array): AnnouncedHostKeys | undefined {
    const request = { data, reply: () => {} } as unknown as PeerGlobalRequest;
    this.#handlers.get("hostkeys-00@openssh.com")!(request);
    return this.announced.at(-1);
  }

  /** Announces keys, and asks for proofs of the other keys. Returns the code of the error. */
  async prove(keys: readonly PrivateKey[], proofs: readonly Uint8Array[]): Promise<string> {
    const announced = this.announce(strings([current, ...keys].map(blobOf)));
    this.reply = { success: true, data: strings(proofs) };
    return announced!.prove(keys.map(blobOf)).then(
      () => "proved",
      (error) => error.code,
    );
  }
}

describe("announced host keys", () => {
  it("are all passed on, with those that an offered algorithm verifies", () => {
    const unknown = strings([new TextEncoder().encode("ssh-future"), new Uint8Array(8)]);
    const announced = new Announced().announce(strings([blobOf(current), blobOf(ecdsa), unknown]))!;
    expect(announced.all).toEqual([blobOf(current), blobOf(ecdsa), unknown]);
    expect(announced.verifiable).toEqual([blobOf(current), blobOf(ecdsa)]);
  });

  it("are proved by a signature of each", async () => {
    expect(await new Announced().prove([fresh, ecdsa], [proofOf(fresh), proofOf(ecdsa)])).toBe("proved");
  });

  it("fail with the error that ended the connection", async () => {
    const announced = new Announced();
    const { prove } = announced.announce(strings([blobOf(current), blobOf(fresh)]))!;
    const lost = new Error("lost");
    announced.reply = { success: false, error: lost as never };
    expect(await failure(prove([blobOf(fresh)]))).toBe(lost);
    announced.reply = { success: false, error: undefined };
    expect(await failure(prove([blobOf(fresh)]))).toMatchObject({ code: "bad-signature" });
  });
});

it("new host keys: proofs · client", async () => {
  const outcome = (proofs: readonly Uint8Array[]): Promise<string> => new Announced().prove([fresh, ecdsa], proofs);
  const good = [proofOf(fresh), proofOf(ecdsa)];
  // By another key, over another session or key, in another order, missing, one too many, none.
  expect(await outcome([proofOf(current, sessionId, fresh), good[1]!])).toBe("bad-signature");
  expect(await outcome([good[0]!, proofOf(ecdsa, random(32))])).toBe("bad-signature");
  expect(await outcome([good[0]!, proofOf(ecdsa, sessionId, fresh)])).toBe("bad-signature");
  expect(await outcome([good[1]!, good[0]!])).toBe("bad-signature");
  expect(await outcome([good[0]!])).toBe("bad-signature");
  expect(await outcome([...good, proofOf(current)])).toBe("bad-signature");
  expect(await outcome([])).toBe("bad-signature");
  expect(await outcome(good)).toBe("proved");
});

it("new host keys: announcements · client", () => {
  const keys = [current, fresh, ecdsa].map(blobOf);
  const heard = (data: Uint8Array, limits = {}): boolean => new Announced(limits).announce(data) !== undefined;
  expect(heard(strings(keys))).toBe(true);
  // Without the key of this connection, with a key twice, cut, with more keys than the limit.
  expect(heard(strings(keys.slice(1)))).toBe(false);
  expect(heard(strings([...keys, keys[1]!]))).toBe(false);
  expect(heard(strings(keys).subarray(0, -1))).toBe(false);
  expect(heard(new Uint8Array(0))).toBe(false);
  expect(heard(strings(keys), { maxHostKeys: 2 })).toBe(false);
  // Certificates are skipped, also that of the connection: a host that presented one need not be known by its keys.
  const certificate = issueCertificate(fresh, {
    publicKey: current.publicKey,
    type: "host",
    keyId: "a host",
    principals: ["example.org"],
    validBefore: "forever",
    random,
  });
  expect(new Announced().announce(strings([...keys, certificate]))!.all).toEqual(keys);
  expect(heard(strings([...keys, certificate]), { hostKey: certificate })).toBe(false);
  // A second announcement.
  const client = new Announced();
  client.announce(strings(keys));
  client.announce(strings(keys));
  expect(client.announced).toHaveLength(1);
});
