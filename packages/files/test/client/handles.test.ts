import { download, type Sftp, SSH_FX, sftp, type TransferOptions, upload } from "@nacre/files";
import { macrotask } from "@nacre/testing/macrotask";
import { MemoryLocalFiles } from "@nacre/testing/nacre/memory-local-files";
import { MemorySftp, type MemorySftpOptions } from "@nacre/testing/nacre/memory-sftp";
import { describe, expect, it } from "vitest";
import { pattern } from "./support.ts";

// Handles and files that a call leaves behind when the server refuses one of its requests, or never answers it.

/** Flags of an open that writes and creates. */
const CREATE = 0x0a;

interface Call {
  readonly name: string;
  /** Runs the call. It ends when the signal aborts. */
  readonly run: (client: Sftp, signal: AbortSignal, local: MemoryLocalFiles) => Promise<unknown>;
}

const tree = (extra: TransferOptions): TransferOptions => ({ recursive: true, preserve: true, ...extra });

const CALLS: readonly Call[] = [
  { name: "readFile", run: (client, signal) => client.readFile("long", { signal }) },
  { name: "writeFile", run: (client, signal) => client.writeFile("f", "abc", { signal }) },
  {
    name: "writeFile of an iterable",
    run: (client, signal) => client.writeFile("f", [pattern(40_000), pattern(40_000)], { signal }),
  },
  { name: "writeFile in one step", run: (client, signal) => client.writeFile("f", "abc", { signal, atomic: true }) },
  { name: "appendFile", run: (client, signal) => client.appendFile("long", "abc", { signal }) },
  { name: "copyFile", run: (client, signal) => client.copyFile("long", "f", { signal }) },
  {
    name: "cp",
    run: (client, signal) => client.cp("tree", "f", { signal, recursive: true, preserveTimestamps: true }),
  },
  { name: "rm", run: (client, signal) => client.rm("tree", { signal, recursive: true }) },
  { name: "readdir", run: (client, signal) => client.readdir("tree", { signal, recursive: true }) },
  {
    name: "opendir that is left early",
    run: async (client, signal) => {
      for await (const _ of await client.opendir("tree", { signal })) break;
    },
  },
  {
    name: "createReadStream",
    run: (client, signal) => new Response(client.createReadStream("long", { signal })).bytes(),
  },
  {
    name: "createWriteStream",
    run: (client, signal) => new Blob(["x".repeat(100_000)]).stream().pipeTo(client.createWriteStream("f", { signal })),
  },
  {
    name: "upload",
    run: (client, signal, local) => upload(client, { files: local, path: "/home/tree" }, "f", tree({ signal })),
  },
  {
    name: "upload with resume",
    run: (client, signal, local) =>
      upload(client, { files: local, path: "/home/tree" }, "f", tree({ signal, resume: true, update: "size-mtime" })),
  },
  {
    name: "download",
    run: (client, signal, local) => download(client, "tree", { files: local, path: "/home/f" }, tree({ signal })),
  },
];

/** How a call ended, and what the server was asked for. */
interface Run {
  readonly server: MemorySftp;
  readonly local: MemoryLocalFiles;
  readonly outcome: PromiseSettledResult<unknown>;
}

/** Runs a call. The request with the number `fault` is refused, or not answered; then the call is aborted. */
async function runCall({ run }: Call, fault: number, isSilent: boolean, options: MemorySftpOptions): Promise<Run> {
  const local = new MemoryLocalFiles();
  const controller = new AbortController();
  let count = 0;
  const server = new MemorySftp({
    ...options,
    answer({ token, request }, machine) {
      if (count++ !== fault) return false;
      if (!isSilent) machine.status(token, SSH_FX.FAILURE, `request ${fault}, ${request.type}, is refused`);
      else void macrotask().then(() => controller.abort());
      return true;
    },
  });
  for (const files of [server.files, local.files]) {
    files.open("/home/long", CREATE, 0o644).data = pattern(100_000);
    files.makeDirectory("/home/tree", 0o755);
    files.makeDirectory("/home/tree/d", 0o755);
    files.open("/home/tree/d/long", CREATE, 0o644).data = pattern(60_000);
    files.open("/home/tree/short", CREATE, 0o644).data = pattern(10);
  }
  const client = await sftp(server);
  count = 0;
  const [outcome] = await Promise.allSettled([run(client, controller.signal, local)]);
  return { server, local, outcome };
}

describe.each([
  ["that keeps the order of requests", { serverVersion: "SSH-2.0-OpenSSH_10.0" }],
  ["with nothing but the draft", { serverVersion: "SSH-2.0-Other_1.0", extensions: [] }],
] as const)("on a server %s", (_, options) => {
  describe.each([
    ["is refused", false],
    ["is never answered, and the call is aborted", true],
  ])("each handle is closed exactly once, whichever request %s", (__, isSilent) => {
    it.each(CALLS)("$name", async (call) => {
      const whole = await runCall(call, -1, false, options);
      expect(whole.outcome).toMatchObject({ status: "fulfilled" });
      expect(whole.server.closes).toBe(whole.server.opens);
      for (let fault = 0; fault < whole.server.requests.length; fault++) {
        const { server, local, outcome } = await runCall(call, fault, isSilent, options);
        const type = server.requests[fault];
        // A request for names behind the last ones is not awaited, but its directory stays open until it is answered.
        if (isSilent && type === "readdir" && outcome.status === "fulfilled") continue;
        // Everything of the double happens in microtasks, and the channel is written once more behind them.
        for (let turn = 0; turn < 3; turn++) await macrotask();
        expect([fault, type, server.closes]).toEqual([fault, type, server.opens]);
        expect(local.openCount).toBe(0);
      }
    });
  });
});
