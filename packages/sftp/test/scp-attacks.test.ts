import { utf8Encode } from "@nacre/wire";
import { expect, test } from "vitest";
import { ScpSink, type ScpSinkOptions, ScpSource } from "../src/scp.ts";

// The names of these tests are in packages/testing/src/attacks/rows/scp.ts.

interface Closed {
  readonly error: { readonly code: string; readonly message: string } | undefined;
  /** Types of the events before the end. */
  readonly before: readonly string[];
}

/** Sends a text, one byte for each character, to a sink that accepts everything. Returns how it ended; `undefined` if it has not. */
function outcome(sent: string, options?: ScpSinkOptions, ends = false): Closed | undefined {
  const sink = new ScpSink(options);
  sink.accept();
  sink.receive(Uint8Array.from(sent, (character) => character.charCodeAt(0)));
  if (ends) sink.end();
  const before: string[] = [];
  for (let event = sink.nextEvent(); event !== undefined; event = sink.nextEvent()) {
    if (event.type === "closed") return { error: event.error, before };
    before.push(event.type);
    if (event.type !== "data" && event.type !== "problem") sink.accept();
  }
  return undefined;
}

/** Returns the code of the error that ends a sink, or "accepted". */
function codeOf(sent: string, options?: ScpSinkOptions): string {
  return outcome(sent, options)?.error?.code ?? "accepted";
}

const BAD_NAMES = ["", ".", "..", "/", "a/b", "../up", "/etc/passwd", "a\0b"];

function rejectsNames(before: string, options?: ScpSinkOptions): void {
  for (const name of BAD_NAMES) {
    expect(codeOf(`${before}C0644 0 ${name}\n`, options), name).toBe("malformed-message");
    expect(codeOf(`${before}D0755 0 ${name}\n`, options), name).toBe("malformed-message");
  }
  expect(codeOf(`${before}C0644 0 ...\n\0C0644 0 a\\b\n\0`, options)).toBe("accepted");
}

test("scp: a name that leaves its directory · client", () => {
  rejectsNames("D0755 0 d\n", { requestedName: utf8Encode("d") });
});

test("scp: a name that leaves its directory · server", () => {
  rejectsNames("");
  rejectsNames("D0755 0 d\n");
});

test("scp: a file that was not requested · client", () => {
  const options = { requestedName: utf8Encode("wanted") };
  for (const name of ["other", "wanted ", "wante", "", ".", "..", ".bashrc", "dir/wanted"])
    for (const record of [`C0644 0 ${name}\n`, `D0755 0 ${name}\n`])
      expect(codeOf(record, options)).toBe("unexpected-message");
  expect(codeOf("C0644 0 wanted\n\0C0644 0 wanted\n", options)).toBe("unexpected-message");
  expect(codeOf("D0755 0 wanted\nE\nC0644 0 .bashrc\n", options)).toBe("unexpected-message");
  expect(codeOf("D0755 0 wanted\nC0644 0 other\n\0E\n", options)).toBe("accepted");
  // What the client itself asked for may be a directory without a name.
  expect(codeOf("D0755 0 .\n", { requestedName: utf8Encode(".") })).toBe("accepted");
});

test("scp: escape sequences in an error · client", () => {
  for (const sent of ["\x1b]0;title\x07\n", "C0644 0 ../\x1b[2J\n", "\x02\x1b[31mred\n"]) {
    const { message } = outcome(sent)!.error!;
    expect(message).toContain("\\x1b");
    expect(message).not.toContain("\x1b");
  }
  expect(outcome(`C0644 0 ../${"x".repeat(1000)}\n`)!.error!.message.length).toBeLessThan(400);
});

function rejectsExcess(): void {
  expect(codeOf("C0644 9007199254740993 f\n")).toBe("malformed-message");
  expect(codeOf("T9007199254740993 0 0 0\n")).toBe("malformed-message");
  const limits = { maxLineLength: 512, maxNameLength: 100, maxDepth: 3 };
  expect(codeOf(`C0644 0 ${"x".repeat(100)}\n`, { limits })).toBe("accepted");
  expect(codeOf(`C0644 0 ${"x".repeat(101)}\n`, { limits })).toBe("malformed-message");
  // A line without an end, and a problem.
  expect(codeOf(`\x01${"x".repeat(511)}\n`, { limits })).toBe("accepted");
  expect(codeOf(`\x01${"x".repeat(512)}`, { limits })).toBe("malformed-message");
  expect(codeOf("D0755 0 d\n".repeat(3), { limits })).toBe("accepted");
  expect(codeOf("D0755 0 d\n".repeat(4), { limits })).toBe("malformed-message");
}

test("scp: sizes, lengths and depths without a bound · client", rejectsExcess);

test("scp: sizes, lengths and depths without a bound · server", rejectsExcess);

function rejectsDisorder(): void {
  expect(codeOf("E\n")).toBe("unexpected-message");
  expect(codeOf("D0755 0 d\nE\nE\n")).toBe("unexpected-message");
  expect(codeOf("T1 0 2 0\nT1 0 2 0\n")).toBe("unexpected-message");
  // What follows the contents is a report, not a record.
  expect(codeOf("C0644 1 f\nxC0644 1 g\n")).toBe("malformed-message");
  expect(codeOf("C0644 0 f\nE\n")).toBe("malformed-message");
}

test("scp: records out of order · client", rejectsDisorder);

test("scp: records out of order · server", rejectsDisorder);

test("scp: an answer that is neither yes nor no · client", () => {
  for (const answer of ["C0644 1 f\n", "\x03no\n", "ok\n"]) {
    const source = new ScpSource();
    source.receive(utf8Encode(answer));
    expect(source.nextEvent()).toMatchObject({ type: "closed", error: { code: "malformed-message" } });
  }
});

function rejectsCuts(): void {
  const whole = "D0755 0 d\nC0644 3 f\nabc\0E\n";
  for (let at = 1; at < whole.length; at++)
    expect(outcome(whole.slice(0, at), undefined, true)?.error?.code, `cut at ${at}`).toBe("channel-closed");
  expect(outcome(whole, undefined, true)).toMatchObject({ error: undefined });
}

test("scp: a transfer that is cut short · client", rejectsCuts);

test("scp: a transfer that is cut short · server", () => {
  rejectsCuts();
  // libssh2 leaves out the report behind a file, but no byte of the file.
  const options = { allowMissingReport: true };
  for (const sent of [
    "C0644 3 f",
    "C0644 3 f\n",
    "C0644 3 f\nab",
    "C0644 3 f\nabc\x01unread",
    "D0755 0 d\nC0644 3 f\nabc",
  ])
    expect(outcome(sent, options, true)?.error?.code, sent).toBe("channel-closed");
  expect(outcome("C0644 3 f\nabc", options, true)).toMatchObject({ error: undefined });
});
