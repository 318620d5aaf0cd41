import type { ReadStream, SFTPWrapper, WriteStream } from "ssh2";
import type { Case, Peers, Recorder, Ssh2 } from "./case.ts";
import { type Answers, openSftp, pattern, without } from "./sftp-peers.ts";

const section = "sftp: files";

/** The requests whose number and order are this package's choice. */
const BLOCKS = ["READ", "WRITE", "FSTAT"];

export interface Context {
  readonly sftp: SFTPWrapper;
  readonly record: Recorder;
  readonly folder: string;
}

/** A case with one SFTP and answers. `record` of the server leaves out reads and writes. */
export function files(
  name: string,
  answers: () => Answers,
  run: (context: Context) => Promise<void>,
  rest: Partial<Case> = {},
): Case {
  return {
    name,
    section,
    ...rest,
    async run(ssh2: Ssh2, record: Recorder, peers: Peers) {
      const { sftp } = await openSftp(ssh2, without(record, ...BLOCKS), peers, answers());
      await run({ sftp, record, folder: peers.folder });
    },
  };
}

export const CONTENTS = pattern(100_000);
const EVENTS = ["open", "ready", "end", "finish", "close", "error"] as const;

/** Records the events of a stream, with what a program can read then. Resolves when it is closed. */
export function watched(
  record: Recorder,
  stream: ReadStream | WriteStream,
  until: "close" | "error" | "end" = "close",
): Promise<unknown> {
  for (const event of EVENTS) stream.on(event as "close", (...values: unknown[]) => record(event, ...values));
  return new Promise((resolve) => stream.on(until as "close", () => resolve(undefined)));
}

/** Records the events of a stream and all its bytes. */
export async function read(record: Recorder, stream: ReadStream, until?: "close" | "error" | "end"): Promise<void> {
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer | string) => chunks.push(Buffer.from(chunk)));
  await watched(record, stream, until);
  const { bytesRead, pos, isClosed, pending, destroyed } = stream as never as Record<string, unknown>;
  record("read", Buffer.concat(chunks), { bytesRead, pos, isClosed, pending, destroyed });
}

export const refused =
  (code: number, text = ""): Answers[string] =>
  (reply) =>
    reply.status(code, text);
