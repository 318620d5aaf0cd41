import {
  aes128Ctr,
  aes128Gcm,
  aes192Ctr,
  aes256Ctr,
  aes256Gcm,
  chacha20Poly1305,
  hmacSha256,
  hmacSha256Etm,
  hmacSha512,
  hmacSha512Etm,
} from "@nacre/ciphers";
import { curve25519Sha256 } from "@nacre/kex";
import {
  defaultSignatureAlgorithms,
  ecdsaPrivateKey,
  fingerprint,
  generateEd25519,
  generateRsa,
  type PrivateKey,
} from "@nacre/keys";
import { ClientProtocol, clientMethods } from "@nacre/protocol";
import { concatBytes, execRequest, SshError, utf8DecodeLossy, utf8Encode } from "@nacre/wire";
import { seededRandom } from "../random.ts";
import { statusesOf } from "./requests.ts";

const CIPHERS = [aes128Ctr, aes192Ctr, aes256Ctr, aes128Gcm, aes256Gcm, chacha20Poly1305];
const MACS = [hmacSha256, hmacSha256Etm, hmacSha512, hmacSha512Etm];

/** Parameters of a recorded connection. The same parameters produce the same bytes. */
export interface Scenario {
  readonly name: string;
  readonly seed: number;
  readonly cipher: string;
  readonly mac: string;
  /** Host key algorithm. */
  readonly hostKey: string;
  readonly userKey: "ed25519" | "rsa" | "ecdsa";
  /** Bytes after which to rekey. */
  readonly rekeyBytes?: number;
}

export const SCENARIOS: readonly Scenario[] = [
  {
    name: "chacha20",
    seed: 1,
    cipher: "chacha20-poly1305@openssh.com",
    mac: "hmac-sha2-256",
    hostKey: "ssh-ed25519",
    userKey: "ed25519",
  },
  {
    name: "gcm, RSA",
    seed: 2,
    cipher: "aes256-gcm@openssh.com",
    mac: "hmac-sha2-256",
    hostKey: "rsa-sha2-512",
    userKey: "rsa",
  },
  {
    name: "ctr, ECDSA",
    seed: 3,
    cipher: "aes128-ctr",
    mac: "hmac-sha2-256",
    hostKey: "ecdsa-sha2-nistp256",
    userKey: "ecdsa",
  },
  {
    name: "ctr, etm, rekeyed",
    seed: 4,
    cipher: "aes256-ctr",
    mac: "hmac-sha2-512-etm@openssh.com",
    hostKey: "rsa-sha2-256",
    userKey: "ed25519",
    rekeyBytes: 2000,
  },
];

/** Returns the user key of a scenario. It is always the same and public, so never use it elsewhere. */
export function userKeyOf({ userKey }: Pick<Scenario, "userKey">): PrivateKey {
  if (userKey === "ed25519") return generateEd25519(seededRandom(100));
  if (userKey === "ecdsa") return ecdsaPrivateKey("nistp256", 0x5eed_5eed_5eed_5eedn);
  const steps = generateRsa(2048, seededRandom(101));
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** Output and exit status of a session. */
export interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number | undefined;
}

/** Deterministic client: logs in, runs one command and disconnects. Its random source is seeded. */
export class ScriptedClient {
  readonly #machine: ClientProtocol;
  readonly #command: string;
  readonly #output = { stdout: "", stderr: "" };
  #status: number | undefined;
  #hostKey = "";
  #error: SshError | undefined;

  constructor(scenario: Scenario, userKey: PrivateKey) {
    const more = scenario.rekeyBytes === undefined ? "" : "head -c 3000 /dev/zero | tr '\\0' x; ";
    this.#command = `echo recorded; echo error >&2; ${more}exit 7`;
    this.#machine = new ClientProtocol({
      algorithms: {
        kex: [curve25519Sha256],
        hostKeys: named(defaultSignatureAlgorithms, scenario.hostKey),
        ciphers: named(CIPHERS, scenario.cipher),
        macs: named(MACS, scenario.mac),
      },
      random: seededRandom(scenario.seed),
      userName: "alice",
      identities: [{ publicKey: userKey.publicKey, privateKey: userKey }],
      password: false,
      keyboardInteractive: false,
      loginMethods: clientMethods,
      softwareVersion: "NacreRecorded",
      limits: { ...(scenario.rekeyBytes !== undefined && { rekeyBytes: scenario.rekeyBytes }) },
    });
  }

  /** Starts the connection. Returns bytes for the server. */
  start(): Uint8Array {
    this.#machine.connection.openChannel("session");
    this.#machine.start(0);
    return this.#work();
  }

  receive(chunk: Uint8Array): Uint8Array {
    this.#machine.receive(chunk);
    return this.#work();
  }

  end(): void {
    this.#machine.end();
    this.#work();
  }

  /** Error that ended the connection. The code `closed` means success. */
  get error(): SshError | undefined {
    return this.#error;
  }

  get outcome(): Outcome {
    return { ...this.#output, status: this.#status };
  }

  /** SHA-256 fingerprint of the server's host key. */
  get hostKey(): string {
    return this.#hostKey;
  }

  #work(): Uint8Array {
    const machine = this.#machine;
    for (let event = machine.nextEvent(); event !== undefined; event = machine.nextEvent()) {
      switch (event.type) {
        case "verify-host-key":
          this.#hostKey = fingerprint(event.hostKey, "sha256");
          machine.answerHostKey(event.token, true);
          break;
        case "channel-opened": {
          const command = utf8Encode(this.#command);
          machine.connection.request(event.channel, "exec", execRequest.encode({ command }), { wantReply: true });
          break;
        }
        case "data":
          this.#output[event.stream === 0 ? "stdout" : "stderr"] += utf8DecodeLossy(event.data);
          machine.connection.consumed(event.channel, event.data.length);
          break;
        case "channel-request":
          [this.#status] = statusesOf([event]);
          break;
        case "channel-closed":
          machine.disconnect(new SshError("closed", "done"));
          break;
        case "closed":
          this.#error = event.error;
          break;
        default:
      }
    }
    const output: Uint8Array[] = [];
    for (const bytes of machine.takeOutput()) output.push(bytes);
    return concatBytes(...output);
  }
}

function named<T extends { readonly name: string }>(list: readonly T[], name: string): T[] {
  return list.filter((one) => one.name === name);
}
