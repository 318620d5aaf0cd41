import {
  ecdsaNistp256Format,
  ed25519Format,
  SIGNATURE_FLAGS,
  type SignatureAlgorithm,
  securityKeyAlgorithm,
  skEcdsaNistp256Format,
  skEd25519Format,
  webauthnAlgorithm,
} from "@nacre/keys/internal";
import { base64Decode, Reader, SshError, Writer } from "@nacre/wire";
import vectors from "../../../test-vectors/wycheproof.json" with { type: "json" };
import { base64url, clientDataOf } from "./authenticator.ts";

/** Signature of Project Wycheproof in the form of SSH. */
export interface WycheproofCase {
  /** File and number of the case, and what it tries. */
  readonly name: string;
  readonly algorithm: string;
  readonly publicKey: Uint8Array;
  readonly data: Uint8Array;
  readonly signature: Uint8Array;
  readonly isValid: boolean;
}

export const wycheproofCases: readonly WycheproofCase[] = vectors.files.flatMap(({ name: file, algorithm, groups }) =>
  groups.flatMap(({ publicKey, cases }) =>
    cases.map(({ id, what, data, signature, isValid }) => ({
      name: `${file} ${id}: ${what}`,
      algorithm,
      publicKey: base64Decode(publicKey)!,
      data: base64Decode(data)!,
      signature: new Writer().string(algorithm).string(base64Decode(signature)!).finish(),
      isValid,
    })),
  ),
);

/** Returns the cases whose result with the algorithm of their name is not what they say. */
export function wrongCases(
  algorithms: readonly SignatureAlgorithm[],
  cases: readonly WycheproofCase[],
): readonly string[] {
  return cases.filter((one) => verifies(algorithms, one) !== one.isValid).map(({ name }) => name);
}

function verifies(
  algorithms: readonly SignatureAlgorithm[],
  { algorithm, publicKey, data, signature }: WycheproofCase,
): boolean {
  try {
    return algorithms.find(({ name }) => name === algorithm)!.verify(publicKey, data, signature) !== undefined;
  } catch (error) {
    if (error instanceof SshError && error.code.startsWith("key-")) return false;
    throw error;
  }
}

/** Returns a case's twins on security keys and passkeys whose result is not what the case says. */
export function wrongCasesOnTokens(
  algorithms: readonly SignatureAlgorithm[],
  cases: readonly WycheproofCase[],
): readonly string[] {
  return cases
    .flatMap((one) => onTokens(algorithms.find(({ name }) => name === one.algorithm)!, one))
    .filter(({ algorithm, ...one }) => verifies([algorithm], { ...one, algorithm: algorithm.name }) !== one.isValid)
    .map(({ name, algorithm }) => `${algorithm.name}: ${name}`);
}

type TokenCase = Omit<WycheproofCase, "algorithm"> & { readonly algorithm: SignatureAlgorithm };

/** Formats of keys that may be on a token, with that of the token. */
const TOKENS = [
  { plain: ed25519Format, token: skEd25519Format },
  { plain: ecdsaNistp256Format, token: skEcdsaNistp256Format },
] as const;
/** Flags that a passkey's signature may not have, or only with extensions (WebAuthn §6.1). */
const { attested, extended } = SIGNATURE_FLAGS;

/**
 * Returns a case as one of a security key, and as one of a passkey. These sign flags and a counter between two hashes. A function in
 * place of SHA-256 returns nothing for the application, which is empty, and for the message what the case signs after five bytes. So the
 * signed bytes are those of the case.
 */
function onTokens(algorithm: SignatureAlgorithm, one: WycheproofCase): readonly TokenCase[] {
  const formats = TOKENS.find(({ plain }) => plain.name === algorithm.name);
  const [flags] = one.data;
  if (formats === undefined || flags === undefined || one.data.length < 5) return [];
  const { plain, token } = formats;
  const hash = (bytes: Uint8Array): Uint8Array => (bytes.length === 0 ? bytes : one.data.subarray(5));
  const publicKey = new Writer().string(token.name).raw(afterName(one.publicKey).rest()).string("").finish();
  const inner = afterName(one.signature).string("signature");
  const assertion = (name: string): Writer => new Writer().string(name).string(inner).raw(one.data.subarray(0, 5));
  const data = Uint8Array.of(1);

  const onKey = securityKeyAlgorithm(token, { format: plain, algorithm }, hash);
  const cases = [{ ...one, algorithm: onKey, publicKey, data, signature: assertion(onKey.name).finish() }];
  if (plain !== ecdsaNistp256Format || (flags & (attested | extended)) !== 0) return cases;
  const onPasskey = webauthnAlgorithm(algorithm, hash);
  const clientData = clientDataOf("https://example.org", base64url(data));
  const signature = assertion(onPasskey.name).string("https://example.org").string(clientData).string("").finish();
  return [...cases, { ...one, algorithm: onPasskey, publicKey, data, signature }];
}

/** Returns a reader of what follows the name in a blob. */
function afterName(blob: Uint8Array): Reader {
  const reader = new Reader(blob, "blob");
  reader.string("name");
  return reader;
}
