import { type RandomSource, SshError } from "@nacre/wire";

/**
 * Wraps an application function that the protocol layers call, so that its exceptions become `internal`. Otherwise an SshError thrown by
 * the application would look like an error about the peer, and its text would be sent to it.
 */
export function guarded<A extends readonly unknown[], R>(what: string, call: (...args: A) => R): (...args: A) => R {
  return (...args) => {
    try {
      return call(...args);
    } catch (cause) {
      throw new SshError("internal", `${what} failed: ${String(cause)}`, { cause });
    }
  };
}

const randoms = new WeakMap<RandomSource, RandomSource>();

/**
 * Wraps a random source, which throws `usage` when its result is not as many bytes as it was asked for. All connections with one source
 * share the wrapper, because a closure per connection would cost memory.
 */
export function guardedRandom(random: RandomSource): RandomSource {
  let wrapper = randoms.get(random);
  if (wrapper === undefined) {
    const call = guarded("`random`", random);
    wrapper = (length) => {
      const bytes: unknown = call(length);
      if (ArrayBuffer.isView(bytes) && bytes.byteLength === length) return bytes as Uint8Array;
      throw new SshError("usage", `\`random\` must return a Uint8Array of ${length} bytes`);
    };
    randoms.set(random, wrapper);
  }
  return wrapper;
}
