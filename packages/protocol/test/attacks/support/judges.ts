import type { PrivateKey } from "@nacre/keys";
import { signedLogin } from "@nacre/testing/attacks/logins";
import type { TransportAlgorithms } from "@nacre/transport";
import { SSH_MSG_DISCONNECT, SSH_MSG_USERAUTH_FAILURE } from "@nacre/wire";
import { expect } from "vitest";
import { ClientTarget } from "./client-target.ts";
import { ServerTarget } from "./server-target.ts";

/** Key and signature presented to a protocol machine. */
export interface Claim {
  readonly key: PrivateKey;
  /** Negotiated or named signature algorithm; by default the key's first one. */
  readonly algorithm?: string;
  /** Public key blob to present; by default that of the key. */
  readonly blob?: Uint8Array;
  readonly sign?: (data: Uint8Array) => Uint8Array;
}

/** Result of a claim. `accepted` means that the signature was verified and the application is asked about the key. */
export type Judgement = "accepted" | "bad key" | "bad signature" | "refused";

/** How one side verifies keys and signatures of its peer. */
export interface Judge {
  readonly judge: (claim: Claim) => Judgement;
  /** Expected result for an invalid key or a key of another algorithm. */
  readonly badKey: Judgement;
  readonly badSignature: Judgement;
}

/** Limits large enough for oversized keys to reach the key parser. */
const ROOMY = { maxPacketLengthBeforeLogin: 256 * 1024, authRequestBytes: 256 * 1024 };

/** Judge for a client, which verifies the host key and its signature over the exchange hash. */
export const clientJudge = (algorithms: TransportAlgorithms): Judge => ({
  badKey: "bad key",
  badSignature: "bad signature",
  judge: ({ key, algorithm, blob, sign }) => {
    const target = new ClientTarget({
      machine: { algorithms, limits: ROOMY },
      peer: { hostKey: key, ...(algorithm !== undefined && { hostKeyAlgorithm: algorithm }) },
    });
    target.peer.identify().init();
    target.peer.reply({ ...(blob && { hostKey: blob }), ...(sign && { sign }) });
    if (target.error === undefined) {
      expect(target.eventsOf("verify-host-key")).toHaveLength(1);
      return "accepted";
    }
    const { code } = target.error;
    expect(["kex-failed", "bad-signature"]).toContain(code);
    target.expectClosed(code);
    // It failed before the application was asked about the key, and only the disconnect message was sent.
    expect(target.eventsOf("verify-host-key")).toEqual([]);
    expect(target.sent).toEqual([20, 30, SSH_MSG_DISCONNECT.number]);
    return code === "kex-failed" ? "bad key" : "bad signature";
  },
});

/** Judge for a server, which verifies the key of a login and reports every error as a plain refusal. */
export const serverJudge = (algorithms: TransportAlgorithms): Judge => ({
  badKey: "refused",
  badSignature: "refused",
  judge: ({ key, algorithm, blob, sign }) => {
    const machine = { limits: ROOMY };
    const target = new ServerTarget({
      hold: ["publickey"],
      machine,
      server: { userKeys: algorithms.hostKeys },
    }).service();
    target.peer.send(
      signedLogin(target.peer.sessionId, key, {
        ...(algorithm !== undefined && { algorithm }),
        ...(blob && { publicKey: blob }),
        ...(sign && { sign }),
      }),
    );
    if (target.eventsOf("publickey").length > 0) return "accepted";
    expect(target.sent.at(-1)).toBe(SSH_MSG_USERAUTH_FAILURE.number);
    expect(target.authenticated).toBe(false);
    target.expectAlive();
    return "refused";
  },
});
