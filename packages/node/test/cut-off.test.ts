import { execFile } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer, connect as dial, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { memoryFileSystem, sftpServer } from "@nacre/files/server";
import { fingerprint, generateEd25519 } from "@nacre/keys";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, test } from "vitest";
import { listen } from "../src/listen/listen.ts";
import type { NodeSession } from "../src/listen/session.ts";
import type { SshServer } from "../src/listen/ssh-server.ts";

// Runs programs whose TCP connection is cut off while bytes flow. The error is caught, or ends the program. It is never lost.

const MIB = 2 ** 20;
/** Bytes in one direction after which a connection is cut off. */
const CUT_AFTER = 2 * MIB;

const hostKey = generateEd25519((length) => new Uint8Array(length).fill(7));
let server: SshServer;
let folder: string;
const proxies: Server[] = [];
const sockets: Socket[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "nacre-"));
  // One file, because a program starts in a tenth of the time that it takes from the sources.
  await build({
    entryPoints: [fileURLToPath(new URL("../src/index.ts", import.meta.url))],
    outdir: join(folder, "nacre"),
    outExtension: { ".js": ".mjs" },
    bundle: true,
    splitting: true,
    platform: "node",
    format: "esm",
    conditions: ["@nacre/source"],
  });
  const input = await open(join(folder, "app.tar.gz"), "w");
  await input.truncate(8 * MIB);
  await input.close();
  server = await listen({
    port: 0,
    hostKeys: [hostKey],
    methods: ["password"],
    authenticate: () => true,
    session: run,
    acceptEnv: () => true,
    subsystems: {
      sftp: async (session) => {
        const files = memoryFileSystem();
        for (const directory of ["/site", "/site/news", "/releases", "/releases/42"]) await files.mkdir(directory, {});
        const flags = { read: false, write: true, append: false, create: true, truncate: true, exclusive: false };
        const backup = await files.open("/backup.tar", flags, {});
        await backup.write(0, new Uint8Array(8 * MIB));
        await backup.close();
        return sftpServer(files)(session);
      },
    },
  });
  // Bundling is slow on a busy machine.
}, 60_000);
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  for (const proxy of proxies) proxy.close();
  await server?.close();
  await rm(folder, { recursive: true, force: true });
});

/** Prints without end as `pg_dump shop`, reads its input as `psql shop`, and otherwise does nothing. */
async function run({ command, stdin, stdout, signal }: NodeSession): Promise<number> {
  if (command === "psql shop") for await (const _ of stdin);
  if (command !== "pg_dump shop") return 0;
  while (!signal.aborted)
    if (!stdout.write(Buffer.alloc(64 * 1024))) await Promise.race([once(stdout, "drain"), once(stdout, "close")]);
  return 0;
}

/** Starts a proxy to the server that cuts each connection off after some bytes. Returns its port. */
async function cuttingProxy(): Promise<number> {
  const proxy = createServer((client) => {
    const inner = dial(server.address.port, "127.0.0.1");
    sockets.push(client, inner);
    const cut = (): void => {
      client.destroy();
      inner.destroy();
    };
    inner.on("error", cut).on("close", cut);
    client.on("error", cut).on("close", cut);
    const pass = (from: Socket, to: Socket): void => {
      let passed = 0;
      from.on("data", (chunk: Buffer) => {
        passed += chunk.length;
        if (passed > CUT_AFTER) cut();
        else to.write(chunk);
      });
    };
    pass(client, inner);
    pass(inner, client);
  });
  proxies.push(proxy);
  await once(proxy.listen(0, "127.0.0.1"), "listening");
  return (proxy.address() as AddressInfo).port;
}

interface Outcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

let count = 0;

/** Runs a program with `ssh`, a connection that is cut off. app.tar.gz has 8 MiB. */
async function runProgram(program: string): Promise<Outcome> {
  const file = join(folder, `program-${count++}.mjs`);
  await writeFile(
    file,
    `import { createReadStream, createWriteStream } from "node:fs";
    import { pipeline } from "node:stream/promises";
    import { connect } from "./nacre/index.mjs";
    const ssh = await connect({
      host: "127.0.0.1",
      port: ${await cuttingProxy()},
      user: "alice",
      identities: [],
      password: "any",
      hostKey: ${JSON.stringify(fingerprint(hostKey.publicKey.blob, "sha256"))},
    });
    ${program}`,
  );
  return new Promise((resolve) => {
    execFile(process.execPath, [file], { cwd: folder, timeout: 60_000 }, (error, stdout, stderr) =>
      resolve({ status: error === null ? 0 : Number(error.code ?? Number.NaN), stdout, stderr }),
    );
  });
}

/** Returns the first example of a README below a heading, within a `try` whose `catch` prints the code. */
function caughtExample(readme: string, heading: string): string {
  const text = readFileSync(new URL(`../../../${readme}`, import.meta.url), "utf8");
  const [, example] = /```[jt]s\n(.*?)```/s.exec(text.slice(text.indexOf(`\n### ${heading}\n`))) ?? [];
  // Node 20 cannot parse `await using`.
  const plain = example!.replace("await using ", "const ");
  return `try { ${plain} } catch (error) { console.log("caught", error.code); }`;
}

test.concurrent.each([
  ["README.md", "Commands", "pg_dump"],
  ["README.md", "Files", "sftp.createReadStream"],
  ["packages/node/README.md", "Files", "sftp.createWriteStream"],
])("the example of %s under %s ends in its catch and nowhere else", async (readme, heading, what) => {
  const program = caughtExample(readme, heading);
  expect(program).toContain(what);
  expect(await runProgram(program)).toMatchObject({ status: 0, stdout: "caught connection-lost\n", stderr: "" });
});

test.concurrent.each([
  ["a command's output", `(await ssh.spawn("pg_dump shop")).stdout.pipe(createWriteStream("copy"));`],
  ["a command's input", `createReadStream("app.tar.gz").pipe((await ssh.spawn("psql shop")).stdin);`],
  ["a file read", `(await ssh.sftp()).createReadStream("backup.tar").pipe(createWriteStream("copy"));`],
  ["a file written", `createReadStream("app.tar.gz").pipe((await ssh.sftp()).createWriteStream("copy"));`],
])("a pipe of %s without a catch ends the program with the error", async (_, program) => {
  const { status, stderr, stdout } = await runProgram(program);
  expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
  // Runtimes print an uncaught error each in its own way, but always its message.
  expect(stderr).toMatch(/SshError: (?:the server closed the connection|the connection broke)/);
});

test.concurrent("a pipe to a file that may not be written ends the program with the error", async () => {
  const { status, stderr } = await runProgram(
    `createReadStream("app.tar.gz").pipe((await ssh.sftp()).createWriteStream("no/such/folder"));`,
  );
  expect(status).toBe(1);
  expect(stderr).toMatch(/Error: .*no\/such\/folder/);
});
