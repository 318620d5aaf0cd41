import { createECDH } from "node:crypto";
import { type NistCurve as Curve, nistCurves as curves } from "@nacre/keys/internal";
import { probe } from "./probe.ts";

/** A NIST curve with its name in OpenSSL. */
export interface NistCurve extends Curve {
  readonly openssl: "prime256v1" | "secp384r1" | "secp521r1";
}

export const nistCurves: Readonly<Record<keyof typeof curves, NistCurve>> = {
  nistp256: { ...curves.nistp256, openssl: "prime256v1" },
  nistp384: { ...curves.nistp384, openssl: "secp384r1" },
  nistp521: { ...curves.nistp521, openssl: "secp521r1" },
};

/**
 * For each curve, a function that returns whether node:crypto supports ECDH on it; Deno does not on P-521. Creating the ECDH object is
 * enough to find out. Computing a point would take milliseconds on the larger curves.
 */
export const hasEcdh: Readonly<Record<keyof typeof nistCurves, () => boolean>> = {
  nistp256: hasCurve("nistp256"),
  nistp384: hasCurve("nistp384"),
  nistp521: hasCurve("nistp521"),
};

function hasCurve(curve: keyof typeof nistCurves): () => boolean {
  return probe(() => typeof createECDH(nistCurves[curve].openssl).computeSecret === "function");
}
