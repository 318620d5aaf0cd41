import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "@nacre/testing/free-port";
import { authorizeKey, password, type Sshd, startSshd } from "@nacre/testing/openssh/sshd";
import { afterAll, beforeAll, expect } from "vitest";
import { commandLine, installNacre } from "../interop/nacre.ts";
import type { Line } from "./lines/line.ts";

/** What a command line did. Ports and folders have the names of their variables. */
export interface Answer {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
  readonly files: Readonly<Record<string, string>>;
}

/** Which program `$S` is. */
export type Program = "ssh" | "nacre";

/** Checks an answer against what the table says. */
export function expectAnswer({ status, out, err, files, line }: Line, answer: Answer): void {
  const context = `${line}\n${answer.err}`;
  expect(answer.status, context).toBe(status);
  if (out !== undefined) expect(answer.out, context).toBe(out);
  if (files !== undefined) expect(answer.files, context).toEqual(files);
  if (err === true || err === "") expect(answer.err !== "", context).toBe(err === true);
  else if (err !== undefined) {
    const wanted = err.split("\n");
    // Advice may stand between the lines.
    const found: string[] = [];
    for (const said of answer.err.split("\n")) if (said === wanted[found.length]) found.push(said);
    expect(found.join("\n"), context).toBe(err);
  }
}

/** Time limit of a line in milliseconds. */
const LIMIT = 50_000;

/** Starts two servers before the tests of a file, and returns a function that runs a line of the table. */
export function useLines(): (program: Program, line: string) => Promise<Answer> {
  let folder = "";
  const servers: Sshd[] = [];
  const mute: Server = createServer();
  const file = (name: string): string => join(folder, name);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "nacre-lines-"));
    installNacre(folder);
    mkdirSync(file("link"));
    symlinkSync(commandLine([])[1]!, file("link/ssh"));
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "key", "-f", file("key")]);
    await authorizeKey("alice", readFileSync(file("key.pub"), "utf8"));
    const config = ["AcceptEnv FOO*", "GatewayPorts clientspecified"];
    for (let count = 0; count < 2; count++)
      servers.push(await startSshd({ config, hostKeys: ["ed25519", "ecdsa-256"] }));
    await new Promise<void>((resolve) => mute.listen(0, "127.0.0.1", resolve));
    const known = servers.flatMap(({ port, hostPublicKeys }) =>
      hostPublicKeys.map((line) => `[127.0.0.1]:${port} ${line.split(" ").slice(0, 2).join(" ")}\n`),
    );
    writeFileSync(file("known_hosts"), known.join(""));
    writeFileSync(file("dial"), `#!/bin/bash\nexec 3<> /dev/tcp/$1/$2\ncat <&3 & cat >&3; kill $!\n`, { mode: 0o755 });
    writeFileSync(
      file("config"),
      configOf(
        folder,
        servers.map(({ port }) => port),
      ),
      { mode: 0o600 },
    );
    for (const [program, path] of Object.entries({ ssh: "/usr/bin/ssh", nacre: file("link/ssh") }))
      writeFileSync(file(`run-${program}`), `#!/bin/sh\nexec '${path}' -F '${file("config")}' "$@"\n`, { mode: 0o755 });
  });
  afterAll(async () => {
    mute.close();
    await Promise.all(servers.map((sshd) => sshd.stop()));
    await rm(folder, { recursive: true, force: true });
  });

  return async (program, line) => {
    const cwd = mkdtempSync(file("work-"));
    const [first, second] = servers.map(({ port }) => `${port}`);
    const { port: mutePort } = mute.address() as { port: number };
    const variables = {
      S: file(`run-${program}`),
      C: file("config"),
      P: first!,
      P2: second!,
      Q: `${await freePort()}`,
      MUTE: `${mutePort}`,
      K: file("key"),
      KH: file("known_hosts"),
      T: folder,
      PW: password(),
    };
    const env = { ...variables, PATH: process.env["PATH"], HOME: folder, NACRE_TEST_HOME: folder, LC_ALL: "C" };
    // Without a terminal, so that no program can ask at that of the tests.
    const child = spawn("bash", ["-c", line], { cwd, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
    const timer = setTimeout(() => process.kill(-child.pid!, "SIGKILL"), LIMIT);
    const [out, err]: Buffer[][] = [[], []];
    child.stdout.on("data", (piece: Buffer) => out!.push(piece));
    child.stderr.on("data", (piece: Buffer) => err!.push(piece));
    const status = await new Promise<number | null>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", resolve);
    });
    clearTimeout(timer);
    const named = (pieces: readonly Buffer[]): string => {
      let text = Buffer.concat(pieces)
        .toString()
        .replaceAll("\r\n", "\n")
        .replaceAll(cwd, "DIR")
        .replaceAll(folder, "T");
      for (const name of ["P2", "P", "Q", "MUTE"] as const)
        text = text.replaceAll(new RegExp(`\\b${variables[name]}\\b`, "g"), name);
      // Each names itself.
      return text.replaceAll(/^(ssh|nacre): /gm, "");
    };
    const files: Record<string, string> = {};
    for (const entry of await readdir(cwd, { withFileTypes: true }))
      if (entry.isFile()) files[entry.name] = named([readFileSync(join(cwd, entry.name))]);
    return { status, out: named(out!), err: named(err!), files };
  };
}

const address = (port: number | undefined): string => `  HostName 127.0.0.1\n  Port ${port}\n`;

/** Configuration of the hosts that the lines name. */
function configOf(folder: string, [port, otherPort]: readonly number[]): string {
  return `Host box
${address(port)}Host jump
${address(otherPort)}Host far
${address(port)}  ProxyJump jump
Host dialled
${address(port)}  ProxyCommand ${folder}/dial %h %p
Host fails
  ProxyCommand false
Match originalhost tagged tagged t
${address(port)}Host *
  User alice
  IdentityFile ${folder}/key
  IdentitiesOnly yes
  UserKnownHostsFile ${folder}/known_hosts
`;
}
