import {
  type EcdsaFields,
  type Ed25519Fields,
  type PrivateKey,
  privateKeyFromFields,
  type RsaFields,
} from "@nacre/keys";
import { expectError } from "@nacre/testing/errors";
import { keyOf } from "@nacre/testing/keyfiles";
import { bigIntToBytes, bytesToBigInt } from "@nacre/wire";
import { describe, expect, test } from "vitest";
import { der } from "../src/der.ts";
import * as keyDer from "../src/key-der.ts";

const { writePkcs8 } = keyDer;
const readPkcs1 = (bytes: Uint8Array): PrivateKey => keyDer.readPkcs1(bytes, privateKeyFromFields);
const readSec1 = (bytes: Uint8Array, format?: "ecdsa-sha2-nistp256" | "ecdsa-sha2-nistp384"): PrivateKey =>
  keyDer.readSec1(bytes, privateKeyFromFields, format);
const readPkcs8 = (bytes: Uint8Array): PrivateKey => keyDer.readPkcs8(bytes, privateKeyFromFields);

const P256 = der.oid("1.2.840.10045.3.1.7");
const P384 = der.oid("1.3.132.0.34");
const P521 = der.oid("1.3.132.0.35");
const ec = keyOf("ecdsa-256-plain").fields as EcdsaFields;
const rsa = keyOf("rsa-2048-plain").fields as RsaFields;
const ed = keyOf("ed25519-plain").fields as Ed25519Fields;
const { n, e, d, p, q, iqmp } = rsa;
const pkcs1 = (...values: (bigint | number)[]): Uint8Array =>
  der.sequence(...values.map((value) => der.integer(value)));
const scalar = (length: number, value = 1): Uint8Array => der.octets(new Uint8Array(length).fill(value, length - 1));

const sec1 = (...rest: Uint8Array[]): Uint8Array => der.sequence(der.integer(1), scalar(32), ...rest);

/** Encodes the `[1] IMPLICIT BIT STRING` of OneAsymmetricKey. */
function implicitPublicKey(bytes: Uint8Array): Uint8Array {
  const value = der.bits(bytes);
  value[0] = 0x81;
  return value;
}

describe("PKCS#1", () => {
  test("is read with all its numbers, which must be consistent", () => {
    const dp = d % (p - 1n);
    const dq = d % (q - 1n);
    expect(readPkcs1(pkcs1(0, n, e, d, p, q, dp, dq, iqmp)).fields).toEqual(rsa);
    expectError("file-malformed", () => readPkcs1(pkcs1(0, n, e, d, p, q, dp + 1n, dq, iqmp)));
    expectError("file-malformed", () => readPkcs1(pkcs1(0, n, e, d, p, q, dp, dq + 1n, iqmp)));
    expectError("key-malformed", () => readPkcs1(pkcs1(0, n, e, d, p, q + 2n, dp, dq, iqmp)));
    expectError("key-malformed", () => readPkcs1(pkcs1(0, n, e, d, 0, 0, 0, 0, 0)));
    expectError("file-malformed", () => readPkcs1(pkcs1(0, n, e, d, p, q, dp, dq)));
    expectError("file-malformed", () => readPkcs1(pkcs1(0, n, e, d, p, q, dp, dq, iqmp, 1)));
    expectError("key-unsupported", () => readPkcs1(pkcs1(1, n, e, d, p, q, dp, dq, iqmp)));
    expectError("file-malformed", () => readPkcs1(pkcs1(2, n, e, d, p, q, dp, dq, iqmp)));
  });
});

describe("SEC1", () => {
  const named = der.explicit(0, P256);

  test("accepts a scalar without leading zeros, or with one as PuTTY writes it, and rejects an empty or longer one", () => {
    const one = bytesToBigInt(Uint8Array.of(1));
    for (const length of [1, 31, 32, 33])
      expect(readSec1(der.sequence(der.integer(1), scalar(length), named)).fields).toMatchObject({ d: one });
    const long = der.octets(new Uint8Array(33).fill(1));
    for (const invalid of [scalar(0), scalar(34), long])
      expectError("file-malformed", () => readSec1(der.sequence(der.integer(1), invalid, named)));
    expectError("key-malformed", () => readSec1(der.sequence(der.integer(1), scalar(32, 0), named)));
  });

  test("requires the curve to be named, and both names to be equal", () => {
    expect(readSec1(sec1(named), "ecdsa-sha2-nistp256").publicKey.format).toBe("ecdsa-sha2-nistp256");
    expect(readSec1(sec1(), "ecdsa-sha2-nistp256").publicKey.format).toBe("ecdsa-sha2-nistp256");
    expectError("file-malformed", () => readSec1(sec1()));
    expectError("file-malformed", () => readSec1(sec1(named), "ecdsa-sha2-nistp384"));
    expectError("file-malformed", () => readSec1(sec1(der.explicit(0, P384)), "ecdsa-sha2-nistp256"));
    expectError("key-unsupported", () => readSec1(sec1(der.explicit(0, der.oid("1.2.3")))));
    const explicit = expectError("key-unsupported", () => readSec1(sec1(der.explicit(0, der.sequence()))));
    expect(explicit).toContain("openssl ec -in FILE -param_enc named_curve");
  });

  test.each(["ecdsa-256-plain", "ecdsa-384-plain", "ecdsa-521-plain"])(
    "accepts the compressed point of %s only, also in PKCS#8",
    (name) => {
      const { format, d, publicPoint } = keyOf(name).fields as EcdsaFields;
      const size = (publicPoint.length - 1) / 2;
      const oid = { 32: P256, 48: P384, 66: P521 }[size]!;
      const read = (...point: number[]): PrivateKey[] => {
        const bits = der.explicit(1, der.bits(Uint8Array.of(...point)));
        const start = [der.integer(1), der.octets(bigIntToBytes(d, size))];
        const algorithm = der.sequence(der.oid("1.2.840.10045.2.1"), oid);
        return [
          readSec1(der.sequence(...start, der.explicit(0, oid), bits)),
          readPkcs8(der.sequence(der.integer(0), algorithm, der.octets(der.sequence(...start, bits)))),
        ];
      };
      const x = publicPoint.subarray(1, 1 + size);
      const parity = publicPoint.at(-1)! % 2;
      for (const { fields } of read(2 + parity, ...x)) expect(fields).toEqual({ format, d, publicPoint });
      expectError("file-malformed", () => read(3 - parity, ...x));
      expectError("file-malformed", () => read(2 + parity, ...x.toReversed()));
      expectError("key-malformed", () => read(2 + parity, ...x.subarray(1)));
    },
  );

  test("rejects another version and the point of another key", () => {
    expectError("file-malformed", () => readSec1(der.sequence(der.integer(0), scalar(32), named)));
    const point = der.explicit(1, der.bits(ec.publicPoint));
    expectError("key-malformed", () => readSec1(der.sequence(der.integer(1), scalar(32), named, point)));
  });
});

describe("PKCS#8", () => {
  const algorithm = der.sequence(der.oid("1.3.101.112"));
  const inner = der.octets(der.octets(ed.seed));

  test("accepts version 2 with attributes and a matching public key (RFC 8410 §10.3)", () => {
    const attributes = der.explicit(0, der.sequence(der.oid("1.2.3")));
    const body = der.sequence(der.integer(1), algorithm, inner, attributes, implicitPublicKey(ed.publicKey));
    expect(readPkcs8(body).fields).toEqual(ed);
    const other = der.sequence(
      der.integer(1),
      algorithm,
      inner,
      implicitPublicKey(keyOf("openssl-ed25519").publicKey.blob.slice(-32)),
    );
    expectError("key-malformed", () => readPkcs8(other));
  });

  test("rejects invalid versions, seeds, parameters, fields and algorithms", () => {
    expect(readPkcs8(der.sequence(der.integer(0), algorithm, inner)).fields).toEqual(ed);
    expectError("file-malformed", () => readPkcs8(der.sequence(der.integer(2), algorithm, inner)));
    expectError("key-malformed", () => readPkcs8(der.sequence(der.integer(0), algorithm, der.octets(scalar(31)))));
    const withNull = der.sequence(der.oid("1.3.101.112"), der.null());
    expectError("file-malformed", () => readPkcs8(der.sequence(der.integer(0), withNull, inner)));
    expectError("file-malformed", () => readPkcs8(der.sequence(der.integer(0), algorithm, inner, der.null())));
    const unknown = der.sequence(der.oid("1.2.3.4"));
    expect(expectError("key-unsupported", () => readPkcs8(der.sequence(der.integer(0), unknown, inner)))).toContain(
      "1.2.3.4",
    );
    for (const fields of [ed, ec, rsa]) expect(readPkcs8(writePkcs8(fields)).fields).toEqual(fields);
  });
});
