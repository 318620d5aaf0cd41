// Records SFTP sessions in test-vectors/sftp.json: Nacre's client with OpenSSH's sftp-server, and OpenSSH's sftp with Nacre's server.
// packages/sftp/test/recordings.test.ts replays them. Needs the packages openssh-sftp-server and openssh-client of Debian.

import { spawn, spawnSync } from "node:child_process";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";
import { SFTP_EXTENSIONS, SftpServer } from "@nacre/sftp";
import { MemoryFiles, type OpenNode } from "@nacre/testing/sftp/memory-files";
import { RECORDED_CONTENT, RECORDED_FILES, RecordedSession } from "@nacre/testing/sftp/recorded-session";
import { base64Encode } from "@nacre/wire";

const FILE = new URL("../../test-vectors/sftp.json", import.meta.url);
const SFTP_SERVER = "/usr/lib/openssh/sftp-server";
const TIMEOUT = 20_000;

/** Commands of `sftp`, with the local folder in place of LOCAL. */
const BATCH = [
  "mkdir /d",
  "put LOCAL/up /d/file",
  "ls -l /d",
  "get /d/file LOCAL/down",
  "chmod 600 /d/file",
  "rename /d/file /d/other",
  "ln -s other /d/link",
  "ln /d/other /d/hard",
  "cp /d/other /d/copy",
  "df /d",
  "cd /d",
  "pwd",
  "rm link",
  "-rm none",
  "bye",
];

interface Chunk {
  readonly from: "client" | "server";
  /** Base64. */
  readonly bytes: string;
}

const [mode, log] = process.argv.slice(2);
if (mode === "--serve") serve(log!);
else await record();

async function record(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "nacre-sftp-"));
  try {
    const version = spawnSync("ssh", ["-V"], { encoding: "utf8" }).stderr.trim();
    const about = {
      source: `OpenSSH's sftp-server and sftp (${version})`,
      madeBy: "scripts/vectors/sftp.ts",
      note: "Each chunk has bytes that one side sent, in order. Base64.",
      sftpServer: await recordServer(folder),
      sftp: recordClient(folder),
    };
    writeFileSync(FILE, `${JSON.stringify(about, null, 1)}\n`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Runs the recorded session of Nacre's client with OpenSSH's server. */
async function recordServer(folder: string): Promise<Chunk[]> {
  const chunks: Chunk[] = [];
  const session = new RecordedSession();
  process.umask(0o022);
  const server = spawn(SFTP_SERVER, ["-e"], { cwd: folder, stdio: ["pipe", "pipe", "ignore"], timeout: TIMEOUT });
  const send = (bytes: Uint8Array): void => {
    if (bytes.length > 0) chunks.push({ from: "client", bytes: base64Encode(bytes) });
    server.stdin.write(bytes);
    if (session.isDone) server.stdin.end();
  };
  server.stdout.on("data", (bytes: Buffer) => {
    chunks.push({ from: "server", bytes: base64Encode(bytes) });
    send(session.receive(new Uint8Array(bytes)));
  });
  send(session.take());
  await new Promise((resolve) => server.on("close", resolve));
  if (!session.isDone) throw new Error(`only ${session.answers.length} steps were answered`);
  return chunks;
}

/** Runs OpenSSH's client with Nacre's server over files in memory. */
function recordClient(folder: string): Chunk[] {
  const [logFile, batch] = [join(folder, "log"), join(folder, "batch")];
  writeFileSync(join(folder, "up"), RECORDED_CONTENT);
  writeFileSync(batch, BATCH.map((line) => `${line.replaceAll("LOCAL", folder)}\n`).join(""));
  const self = [process.execPath, ...process.execArgv, fileURLToPath(import.meta.url), "--serve", logFile];
  const { status, stdout, stderr } = spawnSync("sftp", ["-b", batch, "-D", self.join(" ")], {
    encoding: "utf8",
    timeout: TIMEOUT,
  });
  if (status !== 0) throw new Error(`sftp ended with status ${status}: ${stderr}`);
  if (!isDeepStrictEqual(new Uint8Array(readFileSync(join(folder, "down"))), RECORDED_CONTENT))
    throw new Error("the downloaded file differs");
  if (!stdout.includes("Remote working directory: /d")) throw new Error(`unexpected output: ${stdout}`);
  return readFileSync(logFile, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Chunk);
}

/** Serves files in memory on standard input and output, and writes the chunks to a file. */
function serve(logFile: string): void {
  const files = new MemoryFiles(RECORDED_FILES);
  const server = new SftpServer<OpenNode>({ extensions: Object.values(SFTP_EXTENSIONS) });
  const note = (from: Chunk["from"], bytes: Uint8Array): void =>
    appendFileSync(logFile, `${JSON.stringify({ from, bytes: base64Encode(bytes) })}\n`);
  const turn = (): void => {
    for (let event = server.nextEvent(); event !== undefined; event = server.nextEvent()) files.handle(server, event);
    const bytes = server.unsent.slice();
    server.sent(bytes.length);
    if (bytes.length === 0) return;
    note("server", bytes);
    process.stdout.write(bytes);
  };
  process.stdin.on("data", (bytes: Buffer) => {
    note("client", bytes);
    server.receive(new Uint8Array(bytes));
    turn();
  });
  process.stdin.on("end", () => {
    server.end();
    turn();
  });
}
