import type { Socket } from "node:net";
import type { Client, Session, SFTPWrapper } from "ssh2";
import type { Peers, Recorder, Ssh2 } from "./case.ts";
import { logIn } from "./sessions.ts";

/** Answers to one request: the methods of ssh2's server, with the request's id filled in. */
export interface Reply {
  status(code: number, message?: string): void;
  handle(name: string | Buffer): void;
  data(data: string | Buffer): void;
  /** Names, each with attributes or without. */
  name(...names: readonly (string | NameAnswer)[]): void;
  attrs(attributes: object): void;
  /** The wrapper and the id, for other replies. */
  readonly sftp: SFTPWrapper;
  readonly id: number;
}

export interface NameAnswer {
  readonly filename: string;
  readonly longname: string;
  readonly attrs: object;
}

/** Answers requests by the name of their event. What a function does not exist for is answered OP_UNSUPPORTED by ssh2. */
export type Answers = Readonly<Record<string, (reply: Reply, ...values: never[]) => void>>;

export const OK = 0;
export const EOF = 1;
export const NO_SUCH_FILE = 2;
export const FAILURE = 4;

/** SFTP of the implementation that is tried, to a server of ssh2. */
export interface OpenedSftp {
  readonly client: Client;
  readonly sftp: SFTPWrapper;
  /** The server's socket. */
  readonly socket: Socket;
}

/** Opens SFTP to a server of the case. Records each request as `server`, with its arguments. */
export function openSftp(ssh2: Ssh2, record: Recorder, peers: Peers, answers: Answers): Promise<OpenedSftp> {
  return openSessions(ssh2, peers, (session) => {
    session.on("sftp", (accept) => {
      const sftp = accept();
      for (const [event, answer] of Object.entries(answers))
        sftp.on(event as "OPEN", (id: number, ...values: unknown[]) => {
          record("server", event, ...values);
          answer(replyTo(sftp, id), ...(values as never[]));
        });
    });
  });
}

/** Opens SFTP over sessions that `serve` serves. */
export async function openSessions(ssh2: Ssh2, peers: Peers, serve: (session: Session) => void): Promise<OpenedSftp> {
  const { client, socket } = await logIn(ssh2, peers, (connection) =>
    connection.on("session", (accept) => serve(accept())),
  );
  const sftp = await new Promise<SFTPWrapper>((resolve, reject) => {
    client.sftp((error, opened) => (error ? reject(error) : resolve(opened)));
  });
  return { client, sftp, socket };
}

/** Resolves when a call has called back, and records what with. */
export function call(record: Recorder, name: string, start: (done: never) => void): Promise<void> {
  return new Promise((resolve) => {
    start(((...values: readonly unknown[]) => {
      record(name, ...values);
      resolve();
    }) as never);
  });
}

/** Returns the methods as functions of any arguments, also those that `@types/ssh2` lacks. */
export function untyped(sftp: SFTPWrapper): Readonly<Record<string, (...values: unknown[]) => void>> {
  return new Proxy(sftp as unknown as Readonly<Record<string, (...values: unknown[]) => void>>, {
    get: (target, name) => target[name as string]?.bind(target),
  });
}

/** Records what a call throws. */
export function thrown(record: Recorder, name: string, start: () => void): void {
  try {
    start();
    record(name, "throws nothing");
  } catch (error) {
    record(name, (error as Error).name, (error as Error).message);
  }
}

/** Answers of a server with one file in memory. */
export function oneFile(contents: Buffer, others: Answers = {}): Answers {
  return {
    OPEN: (reply) => reply.handle("file"),
    CLOSE: (reply) => reply.status(OK),
    FSTAT: (reply) => reply.attrs({ size: contents.length, mode: 0o100644 }),
    READ: (reply, _handle: Buffer, offset: number, length: number) => {
      if (offset >= contents.length) reply.status(EOF);
      else reply.data(contents.subarray(offset, offset + length));
    },
    ...others,
  };
}

/** Answers of a server that takes a file. `file` has what was written. */
export function newFile(file: { contents: Buffer }, others: Answers = {}): Answers {
  return {
    OPEN: (reply) => reply.handle("file"),
    CLOSE: (reply) => reply.status(OK),
    FSETSTAT: (reply) => reply.status(OK),
    WRITE: (reply, _handle: Buffer, offset: number, data: Buffer) => {
      const end = Math.max(file.contents.length, offset + data.length);
      file.contents = Buffer.concat([file.contents], end);
      data.copy(file.contents, offset);
      reply.status(OK);
    },
    ...others,
  };
}

/** A recorder that leaves out requests whose number or order this package chooses. */
export function without(record: Recorder, ...events: readonly string[]): Recorder {
  return (event, ...values) => {
    if (event !== "server" || !events.includes(values[0] as string)) record(event, ...values);
  };
}

/** Bytes that differ from position to position. */
export function pattern(length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, at) => (at * 31 + (at >> 8) * 7) & 0xff));
}

function replyTo(sftp: SFTPWrapper, id: number): Reply {
  return {
    sftp,
    id,
    status: (code, message) => sftp.status(id, code, message),
    handle: (name) => sftp.handle(id, Buffer.from(name)),
    data: (data) => sftp.data(id, data),
    name: (...names) =>
      sftp.name(
        id,
        names.map((one) => (typeof one === "string" ? { filename: one, longname: one, attrs: {} } : one)) as never,
      ),
    attrs: (attributes) => sftp.attrs(id, attributes as never),
  };
}
