import { copyBytes, Reader, Writer } from "@nacre/wire";
import type { ServerLoginMethod } from "nacre/extend";

const NAME = "hostbased";
const SERVICE = "ssh-connection";

/** What a client proved by the method "hostbased": its host holds the private key. */
export interface HostbasedProof {
  /** Signature algorithm, such as `"rsa-sha2-512"`. */
  readonly algorithm: string;
  /** Blob of the host's public key; a copy. */
  readonly publicKey: Uint8Array;
  /** Signature blob over `signedData`; a copy. It is verified. */
  readonly signature: Uint8Array;
  readonly signedData: Uint8Array;
  /** Host name that the client states. Nothing proves it but the key: look the key up by it. */
  readonly localHostname: string;
  /** User on the client's host, as the client states it. */
  readonly localUsername: string;
}

/** Type of the ask about a proof. */
const ASK = "hostbased";

/**
 * Logins of a host for its users (RFC 4252 §9). The signature is verified before the application is asked. `authenticate` gets them as
 * `{ method: "other", name: "hostbased", details: HostbasedProof }`.
 */
export const serverHostbased: ServerLoginMethod = {
  method: {
    name: NAME,
    messages: [],
    describeRequest: (methodData) => decode(methodData).algorithm,
    begin(attempt, methodData) {
      const { algorithm: name, publicKey, localHostname, localUsername, signature } = decode(methodData);
      const { options, subject } = attempt;
      const algorithm = options.signatureAlgorithms.find((one) => one.name === name);
      const signedData = new Writer()
        .string(options.sessionId)
        .byte(50)
        .string(subject.userName)
        .string(SERVICE)
        .string(NAME)
        .string(name)
        .string(publicKey)
        .string(localHostname)
        .string(localUsername)
        .finish();
      // rule: ssh2-hostbased-signature
      const isProved = algorithm !== undefined && verifies(() => algorithm.verify(publicKey, signedData, signature));
      if (!isProved) return attempt.fail();
      const proof: HostbasedProof = {
        algorithm: name,
        publicKey: copyBytes(publicKey),
        signature: copyBytes(signature),
        signedData,
        localHostname,
        localUsername,
      };
      attempt.ask({ type: ASK, proof }, (verdict) =>
        attempt.judge({ method: "other", name: NAME, details: proof }, verdict),
      );
    },
  },
  application: (login) => ({
    async answer(ask) {
      const { proof } = ask as unknown as { readonly proof: HostbasedProof };
      const decision = await login.decide(ask, { method: "other", name: NAME, details: proof });
      return login.verdict(ask, decision);
    },
  }),
};

function decode(methodData: Uint8Array): Omit<HostbasedProof, "signedData"> {
  const reader = new Reader(methodData, "hostbased request");
  const fields = {
    algorithm: reader.name("algorithm"),
    publicKey: reader.string("public key"),
    localHostname: reader.utf8("host name"),
    localUsername: reader.utf8("user name on the host"),
    signature: reader.string("signature"),
  };
  reader.end();
  return fields;
}

/** Returns whether a verification succeeds. Its errors all mean that the signature is not valid. */
function verifies(verify: () => unknown): boolean {
  try {
    return verify() !== undefined;
  } catch {
    return false;
  }
}
