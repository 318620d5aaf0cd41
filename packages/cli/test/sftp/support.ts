import { PassThrough } from "node:stream";
import { type MemoryFileSystem, memoryFileSystem, sftpServer } from "@nacre/files/server";
import { generateEd25519 } from "@nacre/keys";
import { type Client, connect, type ListenOptions, listen, loadNodeFiles } from "@nacre/node";
import type { ProgramCall } from "@nacre/node/extend";
import { onTestFinished } from "vitest";
import { execute } from "../../src/sftp/execute.ts";
import { Session, type SessionSettings } from "../../src/sftp/session.ts";
import { temporaryFolder } from "../support.ts";

const hostKey = generateEd25519((length) => new Uint8Array(length).fill(7));

/** Logs in to a new server of files in memory. Both are closed at the end of the test. */
export async function connectToMemory(): Promise<{ readonly client: Client; readonly fileSystem: MemoryFileSystem }> {
  const fileSystem = memoryFileSystem({ uid: 1000, gid: 100 });
  return { client: await connectTo({ subsystems: { sftp: sftpServer(fileSystem) } }), fileSystem };
}

/** Logs in to a new server with these handlers. Both are closed at the end of the test. */
export async function connectTo(handlers: Pick<ListenOptions, "session" | "subsystems">): Promise<Client> {
  const server = await listen({
    port: 0,
    hostKeys: [hostKey],
    methods: ["password"],
    authenticate: () => true,
    ...handlers,
  });
  onTestFinished(() => server.close());
  const client = await connect({
    host: "127.0.0.1",
    port: server.address.port,
    user: "alice",
    password: () => "secret",
    identities: [],
    agent: false,
    hostKey: () => true,
  });
  onTestFinished(() => client.close());
  return client;
}

/** A session on files in memory, and what it printed. */
export interface OpenSession {
  readonly session: Session;
  readonly client: Client;
  /** Files of the server. */
  readonly fileSystem: MemoryFileSystem;
  /** Directory on this machine in which the session begins. */
  readonly folder: string;
  /** Standard output so far. */
  readonly printed: () => string;
  /** Standard error so far. */
  readonly complaints: () => string;
  /** Programs that were run, and the directory of each. */
  readonly programs: (readonly [ProgramCall, string])[];
  /** Calls a function when the next program runs. */
  readonly onProgram: (work: () => void) => void;
  /** Runs a command. Resolves with what it printed on both outputs. */
  readonly run: (line: string) => Promise<string>;
}

/** Opens a session with a new directory on each side. */
export async function openSession(settings: Partial<SessionSettings> = {}, status = 0): Promise<OpenSession> {
  const { client, fileSystem } = await connectToMemory();
  const sftp = await client.sftp();
  const folder = await temporaryFolder();
  await sftp.mkdir("/home");
  let out = "";
  let err = "";
  let both = "";
  const programs: OpenSession["programs"] = [];
  let atProgram: (() => void) | undefined;
  const session = new Session({
    sftp,
    files: await loadNodeFiles(),
    home: "/home",
    localDirectory: folder,
    output: {
      write: (text) => {
        out += text;
        both += text;
      },
      say: (text) => {
        err += `${text}\n`;
        both += `${text}\n`;
      },
      columns: () => 40,
      bar: undefined,
      run: async (...program) => {
        programs.push(program);
        atProgram?.();
        return status;
      },
    },
    settings: {
      recursive: false,
      preserve: false,
      flush: false,
      resume: false,
      limit: undefined,
      quiet: false,
      ...settings,
    },
  });
  const run = async (line: string): Promise<string> => {
    both = "";
    await execute(session, line);
    return both;
  };
  const onProgram = (work: () => void): void => {
    atProgram = work;
  };
  return { onProgram, session, client, fileSystem, folder, printed: () => out, complaints: () => err, programs, run };
}

/** A terminal whose keys a test types. */
export class FakeTty extends PassThrough {
  /** Whether raw mode is on. */
  isRaw = false;
  readonly isTTY = true;

  setRawMode(raw: boolean): this {
    this.isRaw = raw;
    return this;
  }
}
