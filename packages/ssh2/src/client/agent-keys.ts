import { escapeText, Writer } from "@nacre/wire";
import type { RemoteIdentity } from "nacre/extend";
import { type BaseAgent, OpenSSHAgent } from "../agent/agents.ts";
import { type Ssh2Error, ssh2Error } from "../errors.ts";
import { isDer, sshFromDer } from "../keys/ecdsa-signature.ts";
import { type ParsedKey, parseKey, publicKeyOf } from "../keys/parse-key.ts";

/** Resolves with the keys of an agent that can be parsed. Rejects with the agent's error. `signal` ends the wait. */
export async function agentKeys(agent: BaseAgent, signal: AbortSignal): Promise<readonly ParsedKey[]> {
  const keys = await called<unknown>((callback) => {
    if (agent instanceof OpenSSHAgent) agent.getIdentities(callback, signal);
    else agent.getIdentities(callback);
  });
  if (!Array.isArray(keys)) throw ssh2Error("Agent implementation failed to provide keys");
  return keys.flatMap((key) => {
    const parsed = parseKey(key);
    return parsed instanceof Error ? [] : parsed;
  });
}

/**
 * Returns a key of an agent to log in with. `failed` gets the agent's error, after which the key is skipped. `signal` ends the wait for a
 * signature.
 */
export function agentIdentity(
  agent: BaseAgent,
  key: ParsedKey,
  failed: (error: unknown) => void,
  signal: AbortSignal,
): RemoteIdentity {
  return {
    publicKey: publicKeyOf(key),
    async sign(algorithm, data) {
      const hash = /^rsa-sha2-(256|512)$/.exec(algorithm)?.[1];
      try {
        const options = hash === undefined ? {} : { hash: `sha${hash}` as "sha256" };
        const made = await called<unknown>((callback) => {
          if (agent instanceof OpenSSHAgent) agent.sign(key, Buffer.from(data), options, callback, signal);
          else agent.sign(key, Buffer.from(data), options, callback);
        });
        if (!(made instanceof Uint8Array)) throw ssh2Error("Agent implementation failed to provide a signature");
        return new Writer(512).string(algorithm).string(signatureBytes(made, key.type)).finish();
      } catch (error) {
        failed(error);
        return undefined;
      }
    },
  };
}

/** Returns an agent's error with ssh2's level. Wraps a thrown value that is not an `Error`. */
export function agentError(thrown: unknown): Ssh2Error {
  const error = thrown instanceof Error ? thrown : ssh2Error(escapeText(String(thrown)));
  return Object.assign(error, { level: "agent" as const });
}

/** Resolves with the first result of a function with a callback. */
function called<T>(call: (callback: (error?: unknown, value?: T) => void) => void): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    call((error, value) => {
      if (error) reject(error);
      else resolve(value);
    });
  });
}

/**
 * Returns the bytes of a signature as SSH sends them, without the algorithm's name. Agents of programs may return an ECDSA signature in
 * DER, as `sign` of a parsed key does; agents of the system return two SSH integers (RFC 5656 §3.1.2). Throws for malformed DER.
 */
function signatureBytes(signature: Uint8Array, keyType: string): Uint8Array {
  if (!keyType.startsWith("ecdsa-sha2-") || !isDer(signature)) return signature;
  const bytes = sshFromDer(signature);
  if (bytes === undefined) throw new Error("Malformed agent response");
  return bytes;
}
