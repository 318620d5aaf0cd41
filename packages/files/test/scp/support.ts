import { type ScpServerSettings, scpServer } from "@nacre/files/scp-server";
import { type FileSystem, memoryFileSystem } from "@nacre/files/server";
import { served } from "@nacre/testing/nacre/wire";
import { utf8Encode } from "@nacre/wire";
import type { Client, ServerEvent, Session } from "nacre";
import { onTestFinished } from "vitest";

/** A client of a server with scp. */
export interface Opened {
  readonly ssh: Client;
  /** Events that the SSH server logged. */
  readonly events: readonly ServerEvent[];
}

/** Serves a file system with scp over SSH in memory. Other commands end with status 127. Everything is closed at the end of the test. */
export async function openScp(
  fileSystem: FileSystem = memoryFileSystem(),
  settings: ScpServerSettings = {},
): Promise<Opened> {
  const scp = scpServer(fileSystem, settings);
  return openSession((session) => scp(session) ?? 127);
}

/** Serves sessions over SSH in memory. Everything is closed at the end of the test. */
export async function openSession(session: (session: Session) => number | Promise<number>): Promise<Opened> {
  const events: ServerEvent[] = [];
  const { client: ssh, connection } = await served({ session, log: (event) => events.push(event) });
  onTestFinished(async () => {
    await ssh.close();
    await connection.ended;
  });
  return { ssh, events };
}

/** How a scripted program of a server behaved. */
export interface Script {
  readonly ssh: Client;
  /** Commands that the client ran. */
  readonly commands: string[];
}

/**
 * A server whose scp sends a text, one character for each byte, regardless of the client's answers. Before that it writes `stderr`, and it
 * ends with `status`.
 */
export async function openScript(
  sent: string,
  { stderr = "", status = 0 }: { stderr?: string; status?: number } = {},
): Promise<Script> {
  const commands: string[] = [];
  const { ssh } = await openSession(async (session) => {
    commands.push(session.command ?? "");
    try {
      if (stderr !== "") await write(session.stderr, stderr);
      if (sent !== "") await write(session.stdout, sent);
    } catch {
      // The client has closed the channel.
    }
    return status;
  });
  return { ssh, commands };
}

async function write(stream: WritableStream<Uint8Array>, text: string): Promise<void> {
  const writer = stream.getWriter();
  await writer.write(Uint8Array.from(text, (character) => character.charCodeAt(0)));
  writer.releaseLock();
}

const OPEN = { append: false, exclusive: false } as const;

/** Writes a file of a file system. */
export async function put(
  fileSystem: FileSystem,
  path: string,
  content: string | Uint8Array,
  mode = 0o644,
): Promise<void> {
  const file = await fileSystem.open(
    path,
    { ...OPEN, read: false, write: true, create: true, truncate: true },
    { permissions: mode },
  );
  await file.write(0, typeof content === "string" ? utf8Encode(content) : content);
  await file.close();
}

/** Returns the contents of a file. */
export async function get(fileSystem: FileSystem, path: string): Promise<Uint8Array> {
  const file = await fileSystem.open(path, { ...OPEN, read: true, write: false, create: false, truncate: false }, {});
  try {
    return (await file.read(0, 1 << 30)).slice();
  } finally {
    await file.close();
  }
}

/** Returns every path below a directory, sorted: a directory with "/" at its end, a link with "@", a file with its text. */
export async function tree(fileSystem: FileSystem, path: string, prefix = ""): Promise<string[]> {
  const lines: string[] = [];
  const directory = await fileSystem.opendir(path);
  for (let batch = await directory.read(); batch.length > 0; batch = await directory.read())
    for (const { name, attributes } of batch) {
      const type = (attributes.permissions ?? 0) & 0o170_000;
      if (type === 0o040_000)
        lines.push(`${prefix}${name}/`, ...(await tree(fileSystem, `${path}/${name}`, `${prefix}${name}/`)));
      else if (type === 0o120_000) lines.push(`${prefix}${name}@`);
      else
        lines.push(
          `${prefix}${name}: ${String.fromCharCode(...(await get(fileSystem, `${path}/${name}`)).subarray(0, 40))}`,
        );
    }
  await directory.close();
  return lines.sort();
}
