import { copyBytes } from "@nacre/wire";
import type { Duplex } from "nacre/internal";

/**
 * The same byte connection, but input is delivered only after `ready` resolves. Output leaves at once: it need not wait for what the answer
 * will take. A rejection of `ready` is reported as a broken connection.
 */
export function bufferInputUntil(ready: Promise<unknown>, duplex: Duplex): Duplex {
  return {
    open(handler) {
      let held: (() => void)[] | undefined = [];
      const tell = (event: () => void): void => {
        if (held === undefined) event();
        else held.push(event);
      };
      duplex.open({
        data: (chunk) => {
          if (held === undefined) return handler.data(chunk);
          // There may be more than is wanted meanwhile.
          duplex.pause();
          const kept = copyBytes(chunk);
          held.push(() => handler.data(kept));
        },
        drained: () => handler.drained(),
        ended: () => tell(() => handler.ended()),
        failed: (cause) => tell(() => handler.failed(cause)),
      });
      const release = (): void => {
        const events = held ?? [];
        held = undefined;
        if (events.length > 0) duplex.resume();
        for (const event of events) event();
      };
      ready.then(release, (cause: unknown) => {
        held = undefined;
        handler.failed(cause);
      });
    },
    write: (pieces) => duplex.write(pieces),
    pause: () => duplex.pause(),
    resume: () => duplex.resume(),
    end: () => duplex.end(),
    close: () => duplex.close(),
  };
}
