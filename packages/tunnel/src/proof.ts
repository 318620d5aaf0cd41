import { type Bytes, Writer } from "@nacre/wire";

/** HMAC-SHA-256: 32 bytes. */
export type Hmac = (key: Uint8Array, message: Uint8Array) => Uint8Array;

/** What a client proves when it attaches to a tunnel again. */
export interface ResumeClaim {
  readonly id: Uint8Array;
  /** The gateway's fresh nonce. */
  readonly nonce: Uint8Array;
  /** Position of the gateway, from its challenge. */
  readonly gatewayReceived: number;
  /** Position of the client. */
  readonly clientReceived: number;
}

/** Proof that the client holds the tunnel's secret: HMAC-SHA-256 over a label, the id, the nonce and both positions. */
export function resumeProof(hmac: Hmac, secret: Uint8Array, claim: ResumeClaim): Uint8Array {
  return hmac(secret, encodeClaim(claim));
}

function encodeClaim({ id, nonce, gatewayReceived, clientReceived }: ResumeClaim): Bytes {
  const writer = new Writer().string("nacre tunnel resume v1").string(id).string(nonce);
  return writer.uint64(BigInt(gatewayReceived)).uint64(BigInt(clientReceived)).finish();
}
