import type { ConfigValues } from "@nacre/config";
import { SshError } from "@nacre/wire";
import type { ResolvedConfig } from "../config/config.ts";
import { showPath } from "../windows/system.ts";
import type { HopOptions } from "./options.ts";

/** How a keyword acts that Nacre lacks. */
interface Effect<V> {
  /** Whether the value asks for what is missing, and no option in `code` takes its place. */
  readonly applies: (value: Exclude<V, undefined>, values: ConfigValues, code: Partial<HopOptions>) => boolean;
  /** `"fail"`: the connection would not be what the configuration asks for. */
  readonly outcome: "fail" | "warn";
  readonly keyword: string;
  readonly reason: string;
}

type Effects = { readonly [K in keyof ConfigValues]?: Effect<ConfigValues[K]> };

const isSet = (): boolean => true;

/** Keywords about the connection that Nacre lacks, and what they do when they ask for something. */
const EFFECTS: Effects = {
  proxyUseFdpass: {
    keyword: "ProxyUseFdpass",
    outcome: "fail",
    applies: (passes, { proxy }) => passes && proxy.kind === "command",
    reason: "Node cannot receive descriptors",
  },
  tunnel: {
    keyword: "Tunnel",
    outcome: "fail",
    applies: (mode) => mode !== "no",
    reason: "tunnel devices are not supported",
  },
  requiredRSASize: {
    keyword: "RequiredRSASize",
    outcome: "fail",
    applies: (bits, _, { minRsaBits = 0 }) => bits > Math.max(minRsaBits, 2048),
    reason: "in code, set `minRsaBits` to this or more",
  },
  pkcs11Provider: {
    keyword: "PKCS11Provider",
    outcome: "warn",
    applies: isSet,
    reason: "use an agent that holds the key",
  },
  addKeysToAgent: {
    keyword: "AddKeysToAgent",
    outcome: "warn",
    applies: ({ mode }, _, code) => mode === "ask" && code.addKeysToAgent === undefined,
    reason: "there is no `addKeysToAgent.permit`",
  },
  verifyHostKeyDNS: {
    keyword: "VerifyHostKeyDNS",
    outcome: "warn",
    applies: (mode) => mode !== "no",
    reason: "host keys are not looked up in the DNS",
  },
  bindInterface: {
    keyword: "BindInterface",
    outcome: "warn",
    applies: isSet,
    reason: "Node cannot choose the interface",
  },
};

/**
 * Throws `not-supported-here` for a keyword without which the connection would be another one, and warns of those that have no effect,
 * unless an option in `code` takes their place.
 */
export function applyEffects(
  { values, origins }: ResolvedConfig,
  code: Partial<HopOptions>,
  warn: (text: string) => void,
): void {
  for (const [name, effect] of Object.entries(EFFECTS) as [keyof ConfigValues, Effect<unknown>][]) {
    const [origin] = origins[name] ?? [];
    const value = values[name];
    if (origin === undefined || value === undefined || !effect.applies(value, values, code)) continue;
    const at = `${showPath(origin.file)} line ${origin.line}: ${effect.keyword}`;
    // rule: config-never-weaker
    if (effect.outcome === "fail") throw new SshError("not-supported-here", `${at} is not supported: ${effect.reason}`);
    warn(`${at} has no effect: ${effect.reason}`);
  }
}
