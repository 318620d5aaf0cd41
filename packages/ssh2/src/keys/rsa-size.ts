import { RSA_BITS } from "@nacre/keys/internal";
import { escapeText } from "@nacre/wire";
import { warn } from "../warnings.ts";

/** Environment variable with the least size of RSA keys, in bits. */
const VARIABLE = "NACRE_SSH2_MIN_RSA";

/** Size in bits below which an RSA key is warned about. */
const SHORT_BELOW = 2048;

/**
 * Returns the least size of RSA keys in bits: `NACRE_SSH2_MIN_RSA`, and 1,024 without it, as OpenSSH's RequiredRSASize. Throws if the
 * variable is not a number from 1,024 to 16,384.
 */
export function minRsaBits(): number {
  const given = process.env[VARIABLE] ?? "";
  if (given === "") return RSA_BITS.least;
  const bits = Number(given);
  if (!/^\d+$/.test(given) || bits < RSA_BITS.least || bits > RSA_BITS.most)
    throw new Error(
      `${VARIABLE} is ${escapeText(given)}; set it to a number of bits from ${RSA_BITS.least} to ${RSA_BITS.most}`,
    );
  return bits;
}

/**
 * Warns once about an RSA key of less than 2,048 bits. Other keys pass. `what` names the key in the text, such as `"private key"`; texts of
 * a peer in it are escaped.
 */
export function warnIfShort(key: { readonly format: string; readonly bits: number }, what: string): void {
  if (!key.format.startsWith("ssh-rsa") || key.bits >= SHORT_BELOW) return;
  warn(
    "NACRE_SSH2_SHORT_RSA_KEY",
    `the ${what} is an RSA key of ${key.bits} bits, which is too short to be safe; make a new key of another type, ` +
      `or set ${VARIABLE}=${SHORT_BELOW} to refuse such keys`,
  );
}
