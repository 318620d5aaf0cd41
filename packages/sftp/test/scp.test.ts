import { utf8Encode } from "@nacre/wire";
import { describe, expect, it } from "vitest";
import {
  decodeRecord,
  encodeRecord,
  type ScpRecord,
  ScpSink,
  type ScpSinkEvent,
  type ScpSinkOptions,
  ScpSource,
  type ScpSourceEvent,
  scpNameProblem,
} from "../src/scp.ts";

const bytes = utf8Encode;

/** Returns bytes as text, one character each. */
function text(data: Uint8Array): string {
  return String.fromCharCode(...data);
}

/** Returns all events that a machine has now. */
function events<Event>(machine: { nextEvent(): Event | undefined }): Event[] {
  const all: Event[] = [];
  for (let event = machine.nextEvent(); event !== undefined; event = machine.nextEvent()) all.push(event);
  return all;
}

/** Removes and returns all bytes that a machine has to send. */
function output(machine: { readonly unsent: Uint8Array; sent(length: number): void }): Uint8Array {
  const all: number[] = [];
  for (let { unsent } = machine; unsent.length > 0; { unsent } = machine) {
    all.push(...unsent);
    machine.sent(unsent.length);
  }
  return Uint8Array.from(all);
}

/** Returns a sink that has let the source begin. */
function begun(options?: ScpSinkOptions): ScpSink {
  const sink = new ScpSink(options);
  sink.accept();
  expect(output(sink)).toEqual(Uint8Array.of(0));
  return sink;
}

/** Returns a source whose sink is ready. */
function ready(): ScpSource {
  const source = new ScpSource();
  source.receive(Uint8Array.of(0));
  expect(events(source)).toEqual([{ type: "accepted" }]);
  return source;
}

/** The events of a sink without views of memory: contents as text. */
type Plain = Record<string, unknown>;

/**
 * Plays a source's bytes to a sink that accepts everything, in the given chunks. Returns the events, with contents joined and names as
 * text, and what the sink has sent.
 */
function play(chunks: readonly Uint8Array[], options?: ScpSinkOptions): { events: Plain[]; answers: string } {
  const sink = begun(options);
  const plain: Plain[] = [];
  let answers = "";
  const handle = (event: ScpSinkEvent): void => {
    const last = plain.at(-1);
    if (event.type === "data" && last?.type === "data") last.data = `${String(last.data)}${text(event.data)}`;
    else if (event.type === "data") plain.push({ type: "data", data: text(event.data) });
    else plain.push("name" in event ? { ...event, name: text(event.name) } : { ...event });
    if (event.type !== "data" && event.type !== "problem" && event.type !== "closed") sink.accept();
  };
  for (const chunk of chunks) {
    sink.receive(chunk);
    for (const event of events(sink)) handle(event);
    // An answer makes the next event possible.
    for (let more = events(sink); more.length > 0; more = events(sink)) for (const event of more) handle(event);
    answers += text(output(sink));
  }
  sink.end();
  for (let more = events(sink); more.length > 0; more = events(sink)) for (const event of more) handle(event);
  answers += text(output(sink));
  return { events: plain, answers };
}

// A tree as OpenSSH's `scp -r -p -f` sends it.
const TREE =
  "T1500000000 0 1500000001 0\nD0755 0 tree\nT1500000002 0 1500000003 0\nC0640 5 a b\nhello\0" +
  "C0600 0 empty\n\0D0700 0 sub\nC0644 3 \xc3\xa9\n\nE\n\0E\nE\n";

const TREE_EVENTS = [
  { type: "directory", name: "tree", mode: 0o755, times: { mtime: 1_500_000_000, atime: 1_500_000_001 } },
  { type: "file", name: "a b", mode: 0o640, size: 5, times: { mtime: 1_500_000_002, atime: 1_500_000_003 } },
  { type: "data", data: "hello" },
  { type: "file-end", problem: undefined },
  { type: "file", name: "empty", mode: 0o600, size: 0, times: undefined },
  { type: "file-end", problem: undefined },
  { type: "directory", name: "sub", mode: 0o700, times: undefined },
  { type: "file", name: "\xc3\xa9", mode: 0o644, size: 3, times: undefined },
  { type: "data", data: "\nE\n" },
  { type: "file-end", problem: undefined },
  { type: "directory-end" },
  { type: "directory-end" },
  { type: "closed", error: undefined },
];

function latin1Bytes(line: string): Uint8Array {
  return Uint8Array.from(line, (character) => character.charCodeAt(0));
}

describe("records", () => {
  it("encodes each record as OpenSSH does, and decodes it again", () => {
    const records: [string, ScpRecord][] = [
      ["C0644 12 name", { type: "file", mode: 0o644, size: 12, name: bytes("name") }],
      [
        "C4755 9007199254740991 a b ",
        { type: "file", mode: 0o4755, size: Number.MAX_SAFE_INTEGER, name: bytes("a b ") },
      ],
      ["D0700 0 dir", { type: "directory", mode: 0o700, name: bytes("dir") }],
      ["T1 0 2 0", { type: "times", mtime: 1, atime: 2 }],
      ["E", { type: "directory-end" }],
    ];
    for (const [line, record] of records) {
      expect(text(encodeRecord(record))).toBe(`${line}\n`);
      expect(decodeRecord(bytes(line))).toEqual(record);
    }
  });

  it("keeps names that are not UTF-8", () => {
    const name = Uint8Array.of(0xff, 0xc3, 0x28);
    const record = { type: "file", mode: 0o644, size: 0, name } as const;
    expect(decodeRecord(encodeRecord(record).slice(0, -1))).toEqual(record);
  });

  it("rejects other lines", () => {
    const lines = ["", "X", "E ", "EE", "C644", "C0644 x", "C0644 1", "C0648 1 x", "C0644 -1 x", "C0644 1e3 x"];
    const times = ["T", "T1 0 2", "T1 0 2 0 ", "T-1 0 2 0", "T1 0 99999999999999999 0", "T1 0 9007199254740992 0"];
    const sizes = ["C0644 9007199254740992 x", "C0644 00000000000000001 x", "D0755  x"];
    for (const line of [...lines, ...times, ...sizes])
      expect(() => decodeRecord(bytes(line)), line).toThrow(expect.objectContaining({ code: "malformed-message" }));
  });

  it("refuses to send what a record cannot have", () => {
    const file = { type: "file", mode: 0o644, size: 1, name: bytes("x") } as const;
    const invalid: ScpRecord[] = [
      { ...file, size: -1 },
      { ...file, size: 2 ** 53 },
      { ...file, mode: 0o10_000 },
      { ...file, mode: 0.5 },
      { type: "times", mtime: 0.5, atime: 0 },
      ...["", ".", "..", "a/b", "a\0b", "a\nb"].map((name) => ({ ...file, name: bytes(name) })),
    ];
    for (const record of invalid)
      expect(() => encodeRecord(record)).toThrow(expect.objectContaining({ code: "usage" }));
    expect(["...", ".a", "a\\b", " ", "-t"].map((name) => scpNameProblem(bytes(name)))).toEqual(
      Array(5).fill(undefined),
    );
  });
});

describe("ScpSink", () => {
  it("reads a tree, whatever the chunks", () => {
    const tree = latin1Bytes(TREE);
    const whole = play([tree]);
    expect(whole.events).toEqual(TREE_EVENTS);
    // The answers: two times, tree, a b and its end, empty and its end, sub, é and its end, two ends.
    expect(whole.answers).toBe("\0".repeat(12));
    for (let at = 1; at < tree.length; at++)
      expect(play([tree.subarray(0, at), tree.subarray(at)]), `split at ${at}`).toEqual(whole);
    expect(play(Array.from(tree, (byte) => Uint8Array.of(byte)))).toEqual(whole);
  });

  it("passes on problems, before and behind contents", () => {
    const { events: all } = play([latin1Bytes("\x01scp: x: No such file\nC0644 2 f\nab\x01scp: f: broken\n")]);
    expect(all).toEqual([
      { type: "problem", message: "scp: x: No such file" },
      { type: "file", name: "f", mode: 0o644, size: 2, times: undefined },
      { type: "data", data: "ab" },
      { type: "file-end", problem: "scp: f: broken" },
      { type: "closed", error: undefined },
    ]);
  });

  it("ends with a fatal problem", () => {
    const message: unknown = expect.stringContaining("no \\x1b space");
    const failure = { type: "closed", error: expect.objectContaining({ code: "scp-failure", message }) };
    expect(play([latin1Bytes("\x02no \x1b space\nC0644 0 f\n")]).events).toEqual([failure]);
    expect(play([latin1Bytes("C0644 0 f\n\x02no \x1b space\nC0644 0 g\n")]).events.slice(1)).toEqual([
      { type: "file-end", problem: "no \x1b space" },
      failure,
    ]);
  });

  it("refuses files and directories with a text of one line", () => {
    const sink = begun();
    sink.receive(bytes("C0644 1 f\n"));
    expect(events(sink)).toMatchObject([{ type: "file" }]);
    sink.refuse(`no\nspace\x1b ${"é".repeat(2000)}`);
    const answer = output(sink);
    expect(text(answer.subarray(0, 14))).toBe("\x01no?space? \xc3\xa9\xc3");
    expect([answer.length, answer.at(-1)]).toEqual([1 + 1024 + 1, 10]);
    sink.receive(bytes("D0755 0 d\n"));
    expect(events(sink)).toMatchObject([{ type: "directory" }]);
    sink.refuse("no");
    expect([text(output(sink)), sink.depth]).toEqual(["\x01no\n", 0]);
    sink.end();
    expect(events(sink)).toEqual([{ type: "closed", error: undefined }]);
  });

  it("fails with a text for the source", () => {
    const sink = new ScpSink();
    sink.fail("scp: dir: Not a directory");
    expect(events(sink)).toEqual([{ type: "closed", error: undefined }]);
    expect(text(output(sink))).toBe("\x02scp: dir: Not a directory\n");
    sink.fail("again");
    sink.accept();
    sink.receive(bytes("C0644 1 f\n"));
    expect(events(sink)).toEqual([]);
  });

  it("takes a file without the source's report for whole if it may", () => {
    for (const [sent, length] of [
      ["C0644 3 f\nabc", 3],
      ["C0644 0 f\n", 0],
    ] as const) {
      const sink = begun({ allowMissingReport: true });
      sink.receive(bytes(sent));
      sink.end();
      expect(events(sink)).toMatchObject([{ type: "file", size: length }]);
      sink.accept();
      const data = length > 0 ? [{ type: "data" }] : [];
      expect(events(sink)).toMatchObject([...data, { type: "file-end", problem: undefined }]);
      sink.accept();
      expect(events(sink)).toEqual([{ type: "closed", error: undefined }]);
    }
  });

  it("holds back what the last event has not answered", () => {
    const sink = begun();
    sink.receive(bytes("C0644 1 f\nx\0E"));
    expect(events(sink)).toHaveLength(1);
    expect(sink.held).toBe(3);
    sink.accept();
    expect(events(sink)).toMatchObject([{ type: "data" }, { type: "file-end" }]);
    expect(sink.held).toBe(1);
  });

  it("throws usage for an answer that nothing waits for", () => {
    const sink = begun();
    expect(() => sink.accept()).toThrow(expect.objectContaining({ code: "usage" }));
    expect(() => sink.refuse("no")).toThrow(expect.objectContaining({ code: "usage" }));
    expect(() => sink.sent(9)).toThrow(expect.objectContaining({ code: "usage" }));
    expect(() => new ScpSink({ limits: { maxDepth: 0 } })).toThrow(expect.objectContaining({ code: "usage" }));
  });
});

/** Returns the events of a source whose sink sends a text, byte by byte. */
function answeredWith(answer: string, end = false): ScpSourceEvent[] {
  const source = new ScpSource({ limits: { maxLineLength: 512 } });
  for (const byte of bytes(answer)) source.receive(Uint8Array.of(byte));
  if (end) source.end();
  return events(source);
}

function closedWith(code: string): unknown {
  return [{ type: "closed", error: expect.objectContaining({ code }) as unknown }];
}

describe("ScpSource", () => {
  it("sends times and record of a file, its contents, and waits for each answer", () => {
    const source = ready();
    source.file({ name: bytes("f"), mode: 0o640, times: { mtime: 1, atime: 2 } }, 3);
    expect(text(output(source))).toBe("T1 0 2 0\n");
    expect(events(source)).toEqual([]);
    source.receive(Uint8Array.of(0));
    expect(events(source)).toEqual([]);
    expect(text(output(source))).toBe("C0640 3 f\n");
    source.receive(Uint8Array.of(0));
    expect(events(source)).toEqual([{ type: "accepted" }]);
    source.contents(bytes("ab"));
    expect(() => source.endFile()).toThrow(expect.objectContaining({ code: "usage" }));
    expect(() => source.contents(bytes("cd"))).toThrow(expect.objectContaining({ code: "usage" }));
    source.contents(bytes("c"));
    source.endFile();
    expect(text(output(source))).toBe("abc\0");
    source.receive(bytes("\x01f: disk full\n"));
    expect(events(source)).toEqual([{ type: "refused", message: "f: disk full" }]);
    source.end();
    expect(events(source)).toEqual([{ type: "closed", error: undefined }]);
  });

  it("sends directories and problems", () => {
    const source = ready();
    source.directory({ name: bytes("d"), mode: 0o755 });
    source.receive(Uint8Array.of(0));
    expect(events(source)).toHaveLength(1);
    source.problem("d/x: Permission denied");
    source.endDirectory();
    expect(text(output(source))).toBe("D0755 0 d\n\x01d/x: Permission denied\nE\n");
  });

  it("skips a file whose times are refused", () => {
    const source = ready();
    source.file({ name: bytes("f"), mode: 0o640, times: { mtime: 1, atime: 2 } }, 3);
    source.receive(bytes("\x01no times\n"));
    expect(events(source)).toEqual([{ type: "refused", message: "no times" }]);
    expect(text(output(source))).toBe("T1 0 2 0\n");
    source.directory({ name: bytes("d"), mode: 0o755 });
    expect(text(output(source))).toBe("D0755 0 d\n");
  });

  it("ends with a fatal answer, another byte, a long line, or the end of the sink", () => {
    expect(answeredWith("\x02no\n")).toEqual(closedWith("scp-failure"));
    expect(answeredWith("Welcome!\n")).toEqual(closedWith("malformed-message"));
    expect(answeredWith(`\x01${"x".repeat(600)}`)).toEqual(closedWith("malformed-message"));
    expect(answeredWith("\x01cut", true)).toEqual(closedWith("channel-closed"));
    expect(answeredWith("", true)).toEqual(closedWith("channel-closed"));
  });

  it("says that login files must print nothing", () => {
    const source = new ScpSource();
    source.receive(bytes("Welcome\x1b[2J"));
    const [event] = events(source);
    expect(event).toMatchObject({ error: { message: expect.stringMatching(/"Welcome\\x1b\[2J".*\.bashrc/) } });
  });

  it("throws usage for a call at the wrong time, and ignores calls after the end", () => {
    const source = new ScpSource();
    for (const early of [
      () => source.file({ name: bytes("f"), mode: 0 }, 1),
      () => source.contents(bytes("x")),
      () => source.endDirectory(),
      () => source.problem("x"),
    ])
      expect(early).toThrow(expect.objectContaining({ code: "usage" }));
    source.end();
    expect(events(source)).toHaveLength(1);
    source.file({ name: bytes("f"), mode: 0 }, 1);
    source.contents(bytes("x"));
    source.endFile();
    source.receive(Uint8Array.of(0));
    expect([events(source), output(source).length]).toEqual([[], 0]);
  });
});

describe("a source and a sink", () => {
  it("agree on a tree, with every byte by itself", () => {
    const source = new ScpSource();
    const sink = new ScpSink();
    const got: string[] = [];
    sink.accept();
    const steps = [
      () => source.directory({ name: bytes("tree"), mode: 0o755, times: { mtime: 5, atime: 6 } }),
      () => source.file({ name: bytes("one"), mode: 0o644, times: { mtime: 7, atime: 8 } }, 4),
      () => {
        source.contents(bytes("0123"));
        source.endFile();
      },
      () => source.file({ name: bytes("refused"), mode: 0o644 }, 4),
      () => source.directory({ name: bytes("sub"), mode: 0o700 }),
      () => source.endDirectory(),
      () => source.endDirectory(),
    ];
    for (let turn = 0; turn < 1000; turn++) {
      for (const byte of output(source)) sink.receive(Uint8Array.of(byte));
      for (const byte of output(sink)) source.receive(Uint8Array.of(byte));
      const answer = source.nextEvent();
      if (answer !== undefined) {
        if (answer.type === "refused") got.push(`refused: ${answer.message}`);
        steps.shift()?.();
      }
      const event = sink.nextEvent();
      if (event === undefined) continue;
      got.push("name" in event ? `${event.type} ${text(event.name)} ${event.times?.mtime ?? ""}`.trim() : event.type);
      if (event.type === "file" && text(event.name) === "refused") sink.refuse("not here");
      else if (event.type !== "data") sink.accept();
    }
    source.end();
    sink.end();
    expect(events(sink)).toEqual([{ type: "closed", error: undefined }]);
    expect(events(source)).toEqual([{ type: "closed", error: undefined }]);
    expect(got).toEqual([
      "directory tree 5",
      "file one 7",
      "data",
      "file-end",
      "file refused",
      "refused: not here",
      "directory sub",
      "directory-end",
      "directory-end",
    ]);
  });
});
