import { encodePath } from "@nacre/sftp";
import { decodeRecord, encodeRecord, scpNameProblem } from "@nacre/sftp/scp";
import { utf8Decode, utf8Encode } from "@nacre/wire";
import { scpCommand } from "../../../../packages/files/src/scp/command.ts";
import { parseScpCommand } from "../../../../packages/files/src/scp/server/parse-command.ts";
import { attempt, expectEqual, expectTrue } from "../../contract.ts";
import type { Target } from "../../fuzzer/target.ts";
import { playSink } from "./sink-script.ts";
import { playSource } from "./source-script.ts";

/** A line of scp. A decoded record must decode from its own encoding, unless its name cannot be sent. */
const records: Target = {
  name: "scp-records",
  run: (line) => {
    const record = attempt(() => decodeRecord(line));
    if (record === undefined) return;
    if ("name" in record && scpNameProblem(record.name) !== undefined) return;
    const again = encodeRecord(record);
    expectEqual(again.at(-1), 0x0a, "the last byte");
    expectEqual(decodeRecord(again.subarray(0, -1)), record, `a ${record.type} decoded again`);
  },
};

/** A command line of `exec`. One that is taken for scp must mean the same when it is quoted again. */
const commands: Target = {
  name: "scp-commands",
  run: (bytes) => {
    const line = utf8Decode(bytes);
    const command = line === undefined ? undefined : parseScpCommand(line);
    if (command === undefined) return;
    expectTrue(command.path !== "", "an empty path");
    const { path } = command;
    // A lone surrogate or NUL cannot be sent.
    const quoted = attempt(() =>
      utf8Decode(scpCommand({ ...command, path: path.startsWith("-") ? `./${path}` : path })),
    );
    if (quoted === undefined || attempt(() => encodePath(path)) === undefined) return;
    expectEqual(
      parseScpCommand(quoted),
      { ...command, path: path.startsWith("-") ? `./${path}` : path },
      `${JSON.stringify(line)} parsed again`,
    );
  },
};

/** An `ScpSink` whose source and application follow the input. */
const sink: Target = { name: "scp-sink", run: playSink };

/** An `ScpSource` whose sink and application follow the input. */
const source: Target = { name: "scp-source", run: playSource };

/** Targets for scp. */
export const scpTargets: readonly Target[] = [records, commands, sink, source];

/** The first inputs of the targets for scp. */
export function scpSeeds(): Readonly<Record<string, readonly Uint8Array[]>> {
  const texts = {
    "scp-records": ["C0644 12 name", "D0755 0 dir", "T1500000000 0 1500000001 0", "E", "C4755 9007199254740991 é"],
    "scp-commands": [
      "scp -t file",
      "scp -v -r -p -d -t -- -x",
      "scp -q -f 'a b'\\''c'",
      'scp -f ~/"a b"\\ c',
      "scp -f 'a'\\\\'b'",
    ],
    // The first byte answers the events: see `playSink`.
    "scp-sink": [
      "\0T1500000000 0 1500000001 0\nD0755 0 d\nC0644 5 f\nhello\0E\n",
      "\u0004C0644 3 f\nabc\u0001f: broken\nC0600 0 g\n\0\u0001x: No such file\n",
      "\u0008D0755 0 d\nD0755 0 d\nE\nE\n\u0002gone\n",
    ],
    "scp-source": [
      "\0\0\0\0\0\0\0\0\0\0",
      "\u0001\0\u0001no\n\0\0\0\0",
      "\u0002\0\0\0\u0002gone\n",
      "\u0003\0\0\u0001disk full\n\0\0",
    ],
  };
  return Object.fromEntries(Object.entries(texts).map(([name, all]) => [name, all.map((text) => utf8Encode(text))]));
}
