// The demonstration that `npm start` runs without arguments: starts `nacre serve` on loopback, logs in with a new key, and runs a
// command with `--trace`. Prints the client's packets, and the server's log lines with a bar in front.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const folder = mkdtempSync(join(tmpdir(), "nacre-demo-"));
const file = (name: string): string => join(folder, name);
const nacre = (...words: string[]): [program: string, words: string[]] => [
  process.execPath,
  ["packages/cli/dist/main.js", ...words],
];
const show = (line: string): void => console.log(process.stdout.isTTY ? `\x1b[36m│ ${line}\x1b[0m` : `│ ${line}`);

const [program, words] = nacre("keygen", "-t", "ed25519", "-f", file("key"), "-N", "", "-C", "nacre demo");
execFileSync(program, words, { stdio: "ignore" });
copyFileSync(file("key.pub"), file("authorized_keys"));

const serve = ["serve", "--port", "0", "--host-key", file("host_key"), "--authorized-keys", file("authorized_keys")];
console.log(`$ nacre ${serve.join(" ")} &\n`);
const server = spawn(...nacre(...serve), { stdio: ["ignore", "inherit", "pipe"] });
const ended = once(server, "exit");
try {
  const lines = createInterface({ input: server.stderr });
  const port = await new Promise<string>((resolve, reject) => {
    lines.on("line", (line) => {
      show(line);
      const [, found] = /listening on \S+ port (\d+)/.exec(line) ?? [];
      if (found !== undefined) resolve(found);
    });
    ended.then(() => reject(new Error("the server did not start")), reject);
  });
  writeFileSync(file("known_hosts"), `[127.0.0.1]:${port} ${readFileSync(file("host_key.pub"), "utf8")}`);

  const target = `${userInfo().username}@127.0.0.1`;
  const ssh = ["--trace", "-i", file("key"), "-p", port, "--known-hosts", file("known_hosts"), target, "uname -a"];
  console.log(`\n$ nacre ${ssh.join(" ")}\n`);
  const client = spawn(...nacre(...ssh), { stdio: ["ignore", "inherit", "inherit"] });
  const [status] = (await once(client, "exit")) as [number | null];
  process.exitCode = status ?? 1;
} finally {
  server.kill("SIGINT");
  await ended;
  rmSync(folder, { recursive: true, force: true });
}
console.log(`
exit status ${process.exitCode}. To connect to your own server: npm start -- [-p PORT] user@host command
To run a server: npm start -- serve`);
