/** A curve of NIST's by its names (RFC 5656 §10.1), and what is known of it. */
export interface NistCurve {
  /** RFC 7518 §6.2.1.1. */
  readonly jwk: "P-256" | "P-384" | "P-521";
  readonly openssl: "prime256v1" | "secp384r1" | "secp521r1";
  /** Bytes of a coordinate and of a scalar. */
  readonly size: number;
  /** n, of the group of points (SP 800-186 §3.2.1). */
  readonly order: bigint;
}

export const nistCurves: Readonly<Record<"nistp256" | "nistp384" | "nistp521", NistCurve>> = {
  nistp256: {
    jwk: "P-256",
    openssl: "prime256v1",
    size: 32,
    order: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  },
  nistp384: {
    jwk: "P-384",
    openssl: "secp384r1",
    size: 48,
    order: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  },
  nistp521: {
    jwk: "P-521",
    openssl: "secp521r1",
    size: 66,
    order:
      0x1fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
  },
};
