import { type Sftp, sftp } from "@nacre/files";
import { type FileSystem, memoryFileSystem, type SftpServerSettings, sftpServer } from "@nacre/files/server";
import { failure } from "@nacre/testing/nacre/outcomes";
import { served } from "@nacre/testing/nacre/wire";
import type { Client, ServerConnection, ServerEvent } from "nacre";
import { expect, onTestFinished } from "vitest";

/** A client of a new SFTP server. */
export interface Opened {
  readonly sftp: Sftp;
  readonly ssh: Client;
  readonly connection: ServerConnection;
  /** Events that the SSH server logged. */
  readonly events: readonly ServerEvent[];
}

/** Serves a file system over SSH in memory. Everything is closed at the end of the test. */
export async function openServed(
  fileSystem: FileSystem = memoryFileSystem(),
  settings: SftpServerSettings = {},
): Promise<Opened> {
  const events: ServerEvent[] = [];
  const subsystems = { sftp: sftpServer(fileSystem, settings) };
  const { client: ssh, connection } = await served({ subsystems, log: (event) => events.push(event) });
  onTestFinished(async () => {
    await ssh.close();
    await connection.ended;
  });
  return { sftp: await sftp(ssh), ssh, connection, events };
}

/** A file system that counts the handles it has open. */
export function counted(fileSystem: FileSystem = memoryFileSystem()): {
  readonly fileSystem: FileSystem;
  /** Number of open files and directories. */
  open(this: void): number;
} {
  let count = 0;
  const closing = <T extends { close(): Promise<void> }>(handle: T): T => {
    const close = handle.close.bind(handle);
    count++;
    return Object.assign(handle, {
      close: async () => {
        count--;
        await close();
      },
    });
  };
  return {
    open: () => count,
    fileSystem: withMethods(fileSystem, {
      open: async (...args) => closing(await fileSystem.open(...args)),
      opendir: async (path) => closing(await fileSystem.opendir(path)),
    }),
  };
}

/** Returns a file system with some methods replaced, or removed by `undefined`. */
export function withMethods(
  fileSystem: FileSystem,
  methods: { readonly [Name in keyof FileSystem]?: FileSystem[Name] | undefined },
): FileSystem {
  return new Proxy(fileSystem, {
    get(target, name) {
      if (Object.hasOwn(methods, name)) return methods[name as keyof FileSystem];
      const value = target[name as keyof FileSystem] as unknown;
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** Asserts that a call fails with a code of `SftpError`, and with a message of the server. */
export async function expectRefused(call: Promise<unknown>, code: string, serverMessage?: string): Promise<void> {
  const expected = serverMessage === undefined ? { code } : { code, serverMessage };
  expect(await failure(call)).toMatchObject(expected);
}
