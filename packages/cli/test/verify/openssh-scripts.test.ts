import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { commandLine, installNacre } from "../interop/nacre.ts";

// OpenSSH's own regression tests must pass with `nacre keygen` in the place of ssh-keygen. Debian's package openssh-tests has them.

const REGRESS = "/usr/lib/openssh/regress";
/** Programs that a script expects in its folder. */
const HELPERS = ["check-perm", "mkdtemp", "netcat", "timestamp"];
/** Time limit of a script in milliseconds. krl.sh starts its ssh-keygen 1,100 times. */
const LIMIT = 1_500_000;

const SCRIPTS = [
  "krl",
  "sshsig",
  "keygen-change",
  "keygen-convert",
  "keygen-sshfp",
  "keygen-comment",
  "cert-file",
  "cert-hostkey",
  "cert-userkey",
  "principals-command",
  "limit-keytype",
  "multipubkey",
  "hostkey-agent",
];

let folder: string;
/** Programs by the name that the tests give them. */
let programs: Readonly<Record<string, string>>;
let sshd: string;
let sshAgent: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "nacre-openssh-scripts-"));
  installNacre(folder);
  // sshd demands its folder when it runs as root.
  if (process.getuid?.() === 0) mkdirSync("/run/sshd", { recursive: true });
  const shellScript = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    return path;
  };
  const quoted = commandLine(["keygen"]).map((word) => `'${word}'`);
  // keygen-convert.sh tests -e and -i only if the usage of ssh-keygen has them.
  const ours = shellScript("keygen", `[ "$1" = "-?" ] && exec echo "ssh-keygen -e"\nexec ${quoted.join(" ")} "$@"`);
  programs = { "nacre keygen": ours, "ssh-keygen": "/usr/bin/ssh-keygen", false: "/bin/false" };
  // The configuration of PAM is that of this machine.
  sshd = shellScript("sshd", 'exec /usr/sbin/sshd -o UsePAM=no "$@"');
  // Agents leave the process group of their script, so they are noted.
  sshAgent = shellScript("ssh-agent", '/usr/bin/ssh-agent "$@" | tee -a "$NACRE_TEST_AGENTS"');
});
afterAll(() => rmSync(folder, { recursive: true }));

describe.each(["nacre keygen", "ssh-keygen"])("with %s", (program) => {
  test.concurrent.each(SCRIPTS)("OpenSSH's %s.sh passes", (script) => run(script, program), LIMIT + 60_000);
});

test("OpenSSH's krl.sh fails with a program that does nothing", async () => {
  await expect(run("krl", "false")).rejects.toThrow("ssh-keygen for ssh-ed25519 failed");
});

/** Runs a script in a folder of its own. Rejects with its output unless it passes. */
async function run(script: string, program: string): Promise<void> {
  // hostkey-agent.sh removes all lines of its files that have "hostkey", so a folder is not named after its script.
  const cwd = mkdtempSync(join(folder, "run-"));
  for (const name of HELPERS) symlinkSync(join(REGRESS, name), join(cwd, name));
  const child = spawn("/bin/sh", [join(REGRESS, "test-exec.sh"), cwd, join(REGRESS, `${script}.sh`)], {
    cwd,
    env: {
      PATH: `${process.env["PATH"]}:/usr/sbin:/sbin`,
      HOME: cwd,
      TMPDIR: cwd,
      LC_ALL: "C.UTF-8",
      NACRE_TEST_HOME: cwd,
      NACRE_TEST_AGENTS: join(cwd, "agents"),
      TEST_SHELL: "/bin/sh",
      TEST_SSH_SSH: "/usr/bin/ssh",
      TEST_SSH_SSHD: sshd,
      TEST_SSH_SSHD_SESSION: "/usr/lib/openssh/sshd-session",
      TEST_SSH_SSHD_AUTH: "/usr/lib/openssh/sshd-auth",
      TEST_SSH_SFTPSERVER: "/usr/lib/openssh/sftp-server",
      TEST_SSH_SSHAGENT: sshAgent,
      TEST_SSH_SSHKEYGEN: programs[program]!,
      TEST_SSH_UNSAFE_PERMISSIONS: "1",
    },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const killAll = (): void => {
    try {
      process.kill(-child.pid!, "SIGKILL");
    } catch {
      // None is left.
    }
  };
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
  const closed = once(child, "close");
  const timer = setTimeout(killAll, LIMIT);
  const [status, signal] = await once(child, "exit");
  clearTimeout(timer);
  killAll();
  stopDaemons(cwd);
  await closed;
  // A script that skips its tests ends with status 0, too.
  if (status !== 0 || !/^ok .*$/m.test(output))
    throw new Error(`${script}.sh ended with ${signal ?? `status ${status}`}:\n${output.slice(-20_000)}`);
}

/** Ends the agents and the server of a script that failed before it ended them. They have left its process group. */
function stopDaemons(cwd: string): void {
  const textOf = (name: string): string => (existsSync(join(cwd, name)) ? readFileSync(join(cwd, name), "utf8") : "");
  const agents = Array.from(textOf("agents").matchAll(/SSH_AGENT_PID=(\d+);/g), ([, pid]) => pid!);
  for (const pid of [...agents, textOf("pidfile").trim()]) {
    try {
      if (/^(?:ssh-agent|sshd)$/m.test(readFileSync(`/proc/${pid}/comm`, "utf8"))) process.kill(Number(pid));
    } catch {
      // It has ended.
    }
  }
}
