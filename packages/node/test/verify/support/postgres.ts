import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readdir, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePort } from "@nacre/testing/free-port";
import type { Client } from "pg";

const run = promisify(execFile);

/** pg's client, imported from its own module. Under vitest's resolve conditions, pg's main module fails to extend its pool class. */
export const PostgresClient = createRequire(import.meta.url)("pg/lib/client") as typeof Client;

const VERSIONS = "/usr/lib/postgresql";

/** A PostgreSQL server on a loopback port and a Unix socket. */
export interface Postgres extends AsyncDisposable {
  readonly port: number;
  /** Path of the Unix socket. Any user of this machine may connect to it. */
  readonly path: string;
}

/** Starts a server with a new, empty cluster. Its superuser is "postgres", without a password. */
export async function startPostgres(): Promise<Postgres> {
  const [version] = await readdir(VERSIONS);
  const bin = join(VERSIONS, version!, "bin");
  const folder = await mkdtemp(join(tmpdir(), "nacre-pg-"));
  const data = join(folder, "data");
  // PostgreSQL refuses to run as root. Its package created this user.
  const asUser = process.getuid?.() === 0 ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] : [];
  if (asUser.length > 0) await run("chown", ["postgres:postgres", folder]);
  await chmod(folder, 0o755);
  const command = (...args: string[]): [string, string[]] => {
    const [program, ...rest] = [...asUser, ...args];
    return [program!, rest];
  };
  await run(...command(join(bin, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8"));
  const port = await freePort();
  const settings = [`port=${port}`, "listen_addresses=127.0.0.1", `unix_socket_directories=${folder}`, "fsync=off"];
  const [program, args] = command(join(bin, "postgres"), "-D", data, ...settings.flatMap((line) => ["-c", line]));
  const server = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"], cwd: folder });
  const exited = once(server, "exit");
  await readyToAccept(server.stderr);
  return {
    port,
    path: join(folder, `.s.PGSQL.${port}`),
    async [Symbol.asyncDispose]() {
      server.kill("SIGINT");
      await exited;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function readyToAccept(log: NodeJS.ReadableStream): Promise<void> {
  let said = "";
  await new Promise<void>((resolve, reject) => {
    log.on("data", (chunk) => {
      said += String(chunk);
      if (said.includes("ready to accept connections")) resolve();
    });
    log.on("end", () => reject(new Error(`PostgreSQL did not start:\n${said}`)));
  });
}
