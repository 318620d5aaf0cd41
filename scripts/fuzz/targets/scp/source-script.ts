import { ScpSource, type ScpSourceEvent } from "@nacre/sftp/scp";
import { utf8Encode } from "@nacre/wire";
import { attempt, expectEqual, expectRefusal, expectTrue } from "../../contract.ts";

const TIMES = { mtime: 1, atime: 2 };
const NAME = utf8Encode("name");

/**
 * Plays a source whose sink sends the input after its first byte, one byte at a time. The source sends a directory with files, and every
 * call at a wrong time must throw `usage`.
 */
export function playSource(input: Uint8Array): void {
  const [choice = 0] = input;
  const source = new ScpSource({ limits: { maxLineLength: 512 } });
  const times = (choice & 1) === 1 ? TIMES : undefined;
  let sent = 0;
  let isClosed = false;
  /** What may be called now. */
  let state = "answer" as "answer" | "idle" | "contents";
  let size: number | undefined;
  let turn = 0;

  const on = (event: ScpSourceEvent): void => {
    expectTrue(!isClosed, "an event after the end");
    if (event.type === "closed") {
      isClosed = true;
      if (event.error !== undefined) expectRefusal(event.error);
      return;
    }
    expectEqual(state, "answer", "the state at an answer");
    state = event.type === "accepted" && size !== undefined && size >= 0 ? "contents" : "idle";
    if (event.type === "accepted" || size === undefined) return;
    size = undefined;
  };
  const settle = (): void => {
    for (let event = source.nextEvent(); event !== undefined; event = source.nextEvent()) on(event);
    for (let { unsent } = source; unsent.length > 0; { unsent } = source) {
      sent += unsent.length;
      source.sent(unsent.length);
    }
  };
  const next = (): void => {
    if (isClosed) return;
    if (state === "contents") {
      const bytes = new Uint8Array(size!);
      expectEqual(
        attempt(() => (source.contents(new Uint8Array(size! + 1)), true)),
        undefined,
        "too many contents",
      );
      source.contents(bytes);
      source.endFile((choice & 2) === 2 ? "it became shorter" : undefined);
      size = undefined;
      state = "answer";
    } else if (state === "idle") {
      expectEqual(
        attempt(() => (source.contents(new Uint8Array(1)), true)),
        undefined,
        "contents without a file",
      );
      if (turn % 4 === 3) source.endDirectory();
      else if (turn % 4 === 0) source.directory({ name: NAME, mode: 0o755, times });
      else {
        size = turn * choice;
        source.file({ name: NAME, mode: 0o644, times }, size);
      }
      state = "answer";
      turn++;
    } else
      expectEqual(
        attempt(() => (source.endDirectory(), true)),
        undefined,
        "a record before the answer",
      );
  };
  for (const byte of input.subarray(1)) {
    source.receive(Uint8Array.of(byte));
    settle();
    next();
    settle();
  }
  source.end();
  settle();
  if (!isClosed) expectTrue(state === "contents", "a source that goes on after the end");
  expectTrue(sent <= 4096 + input.length * 300 * (turn + 1), `${sent} bytes for ${input.length}`);
}
