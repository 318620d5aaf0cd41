import { type Bytes, Writer } from "@nacre/wire";

/** Computes HMAC-SHA-256. Returns 32 bytes. */
export type Hmac = (key: Uint8Array, message: Uint8Array) => Uint8Array;

/** Input of the proof that a client sends to attach again. */
export interface ResumeClaim {
  readonly id: Uint8Array;
  /** The gateway's fresh nonce. */
  readonly nonce: Uint8Array;
  /** Position that the gateway received up to, from its CHALLENGE. */
  readonly gatewayReceived: number;
  /** Position that the client received up to. */
  readonly clientReceived: number;
}

/** Computes the proof that the client has the tunnel secret: HMAC-SHA-256 over a label, the id, the nonce and both positions. */
export function resumeProof(hmac: Hmac, secret: Uint8Array, claim: ResumeClaim): Uint8Array {
  return hmac(secret, encodeClaim(claim));
}

function encodeClaim({ id, nonce, gatewayReceived, clientReceived }: ResumeClaim): Bytes {
  const writer = new Writer().string("nacre tunnel resume v1").string(id).string(nonce);
  return writer.uint64(BigInt(gatewayReceived)).uint64(BigInt(clientReceived)).finish();
}
