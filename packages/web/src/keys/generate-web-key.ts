import { parsePublicKey } from "@nacre/keys/internal";
import { escapeText, SshError, Writer } from "@nacre/wire";
import { checkOptions, type OptionRows } from "nacre/extend";
import { WEB_ALGORITHMS } from "./web-algorithms.ts";
import { probe, type WebKey, webCrypto, webKeyOf } from "./web-key.ts";

/** Options of `generateWebKey`. */
export interface GenerateWebKeyOptions {
  /** Key algorithm. Default: Ed25519 if the platform supports it, otherwise ECDSA on P-256, which every platform supports. */
  readonly algorithm?: "ssh-ed25519" | "ecdsa-sha2-nistp256" | undefined;
}

const GENERATE_WEB_KEY_OPTIONS: OptionRows<GenerateWebKeyOptions> = { algorithm: true };
const ALGORITHMS = ["ssh-ed25519", "ecdsa-sha2-nistp256"] as const;

/**
 * Generates a key that is not extractable. Store it with {@link keyStore}. Rejects with `not-supported-here` if the platform lacks the
 * algorithm.
 */
export async function generateWebKey(options: GenerateWebKeyOptions = {}): Promise<WebKey> {
  checkOptions(options, GENERATE_WEB_KEY_OPTIONS, "generateWebKey");
  const { algorithm } = options;
  if (algorithm !== undefined && !ALGORITHMS.includes(algorithm))
    throw new SshError(
      "usage",
      `generateWebKey makes keys of ${ALGORITHMS.join(" and ")}, not of ${escapeText(algorithm)}`,
    );
  webCrypto();
  let failure: unknown;
  for (const one of algorithm === undefined ? ALGORITHMS : [algorithm]) {
    try {
      return await generate(one);
    } catch (cause) {
      failure = cause;
    }
  }
  throw new SshError(
    "not-supported-here",
    `WebCrypto of this platform cannot make a key of ${algorithm ?? ALGORITHMS.join(" or ")}`,
    {
      cause: failure,
    },
  );
}

async function generate(algorithm: (typeof ALGORITHMS)[number]): Promise<WebKey> {
  const { key } = WEB_ALGORITHMS[algorithm]!;
  const pair = await webCrypto().generateKey(key, /* rule: web-key-not-extractable */ false, ["sign", "verify"]);
  await probe(algorithm, pair);
  // 32 bytes for Ed25519, or an uncompressed point for ECDSA.
  const point = new Uint8Array(await webCrypto().exportKey("raw", pair.publicKey));
  const blob = new Writer().string(algorithm);
  if (algorithm === "ecdsa-sha2-nistp256") blob.string("nistp256");
  return webKeyOf(parsePublicKey(blob.string(point).finish()), { [algorithm]: pair.privateKey });
}
