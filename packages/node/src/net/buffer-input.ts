import { copyBytes } from "@nacre/wire";
import { type Duplex, wrapDuplex, wrapHandler } from "nacre/extend";

/**
 * Returns the same duplex with its input held back until `ready` resolves. Output is sent immediately, since writing does not depend
 * on `ready`. A rejection of `ready` is reported as a failure of the connection.
 */
export function bufferInputUntil(ready: Promise<unknown>, duplex: Duplex): Duplex {
  return wrapDuplex(duplex, {
    open(handler) {
      let held: (() => void)[] | undefined = [];
      const pass = (call: () => void): void => {
        if (held === undefined) call();
        else held.push(call);
      };
      duplex.open(
        wrapHandler(handler, {
          data: (chunk) => {
            if (held === undefined) return handler.data(chunk);
            // Stop reading so that at most a few chunks are buffered.
            duplex.pause();
            const kept = copyBytes(chunk);
            held.push(() => handler.data(kept));
          },
          ended: () => pass(() => handler.ended()),
          failed: (cause) => pass(() => handler.failed(cause)),
        }),
      );
      const release = (): void => {
        const calls = held ?? [];
        held = undefined;
        if (calls.length > 0) duplex.resume();
        for (const call of calls) call();
      };
      ready.then(release, (cause: unknown) => {
        held = undefined;
        handler.failed(cause);
      });
    },
  });
}
