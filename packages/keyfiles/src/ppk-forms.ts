import {
  type EcdsaCurve,
  type EcdsaFields,
  type Ed25519Fields,
  type PrivateKeyFields,
  type PrivateKeyValues,
  type RsaFields,
  readKeyInteger,
} from "@nacre/keys/internal";
import type { Reader, Writer } from "@nacre/wire";

/** How PuTTY's files store the private values of a key format. The public values are in the public key blob. */
export interface PpkForm<Fields extends PrivateKeyFields = PrivateKeyFields> {
  /** Key format, as in the first line of a file and in the blob. */
  readonly format: string;
  /** Reads the private part. `blob` is the public key blob after its format. Throws the readers' errors. */
  read(privatePart: Reader, blob: Reader): PrivateKeyValues;
  write(writer: Writer, fields: Fields): void;
}

const ed25519: PpkForm<Ed25519Fields> = {
  format: "ssh-ed25519",
  read(privatePart, blob) {
    const seed = privatePart.string("private key");
    if (seed.length !== 32) privatePart.fail("private key", `has ${seed.length} bytes, expected 32`);
    return { format: "ssh-ed25519", seed: seed.slice(), publicKey: blob.string("public key").slice() };
  },
  write: (writer, { seed }) => void writer.string(seed),
};

// @__NO_SIDE_EFFECTS__
function ecdsa(curve: EcdsaCurve): PpkForm<EcdsaFields> {
  const format = `ecdsa-sha2-${curve}` as const;
  return {
    format,
    read(privatePart, blob) {
      const d = readKeyInteger(privatePart, "private key");
      blob.name("curve");
      return { format, d, publicPoint: blob.string("public point").slice() };
    },
    write: (writer, { d }) => void writer.mpint(d),
  };
}

const rsa: PpkForm<RsaFields> = {
  format: "ssh-rsa",
  read(privatePart, blob) {
    const [d, p, q, iqmp] = ["d", "p", "q", "iqmp"].map((field) => readKeyInteger(privatePart, field));
    const e = blob.mpint("e");
    return { format: "ssh-rsa", n: blob.mpint("n"), e, d: d!, p: p!, q: q!, iqmp: iqmp! };
  },
  write: (writer, { d, p, q, iqmp }) => void writer.mpint(d).mpint(p).mpint(q).mpint(iqmp),
};

/** Key formats that can be in PuTTY's files. */
export const ppkForms: readonly PpkForm[] = [ed25519, ecdsa("nistp256"), ecdsa("nistp384"), ecdsa("nistp521"), rsa];
