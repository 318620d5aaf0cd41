import { tmpdir } from "node:os";
import { join } from "node:path";
import { canInstallPackages, installPackages } from "../openssh/debian.ts";
import { withLock } from "../openssh/lock.ts";
import { run } from "../openssh/run.ts";

/** A Debian package, and a command that succeeds if it is installed. */
interface Program {
  readonly package: string;
  readonly probe: readonly string[];
}

const command = (...names: readonly string[]): Program["probe"] => [
  "sh",
  "-c",
  names.map((name) => `command -v ${name}`).join(" && "),
];

/** Debian packages of programs that call `ssh`, and their probes. */
const CALLERS = {
  "openssh-client": command("ssh", "ssh-keyscan", "scp", "sftp"),
  git: command("git"),
  rsync: command("rsync"),
  // Mounts a directory, for which the kernel needs FUSE (/dev/fuse).
  sshfs: command("sshfs", "fusermount3"),
  lftp: command("lftp"),
  "ansible-core": command("ansible-playbook"),
  mosh: command("mosh", "mosh-server", "script"),
  borgbackup: command("borg"),
  restic: command("restic"),
  "git-annex": command("git-annex"),
  "emacs-nox": command("emacs"),
  autossh: command("autossh", "pkill"),
  sshpass: command("sshpass"),
} as const;

/** Debian package of a program that calls `ssh`. */
export type SshCaller = keyof typeof CALLERS;

const caller = (name: SshCaller): Program => ({ package: name, probe: CALLERS[name] });

/** Programs on this machine that the tests with OpenSSH run. */
export const OPENSSH: readonly Program[] = [
  caller("openssh-client"),
  { package: "openssh-sftp-server", probe: ["test", "-x", "/usr/lib/openssh/sftp-server"] },
  { package: "curl", probe: ["sh", "-c", "curl --version | grep libssh2"] },
  caller("git"),
  caller("rsync"),
  caller("sshpass"),
];

/** All programs that the tests run: those of {@link OPENSSH}, other implementations, and programs that they use over SSH. */
export const PROGRAMS: readonly Program[] = [
  ...OPENSSH,
  ...Object.keys(CALLERS).map((name) => caller(name as SshCaller)),
  // The server of the programs that call `ssh`. Debian starts its service on port 22, if nothing else listens there.
  { package: "openssh-server", probe: ["test", "-x", "/usr/sbin/sshd"] },
  {
    package: "dropbear-bin",
    probe: ["sh", "-c", "command -v dbclient && command -v dropbearconvert && test -x /usr/sbin/dropbear"],
  },
  { package: "python3-paramiko", probe: ["/usr/bin/python3", "-c", "import paramiko"] },
  { package: "python3-asyncssh", probe: ["/usr/bin/python3", "-c", "import asyncssh"] },
  { package: "putty-tools", probe: ["sh", "-c", "command -v plink && command -v psftp && command -v puttygen"] },
  { package: "rclone", probe: ["sh", "-c", "command -v rclone"] },
  { package: "tinysshd", probe: ["test", "-x", "/usr/sbin/tinysshd"] },
  // Sets the home folder of tinysshd's users, for which tinysshd has no option.
  { package: "libnss-wrapper", probe: ["sh", "-c", 'test -z "$(LD_PRELOAD=libnss_wrapper.so /bin/true 2>&1)"'] },
  { package: "golang-go", probe: ["sh", "-c", "command -v go"] },
  { package: "golang-golang-x-crypto-dev", probe: ["test", "-d", "/usr/share/gocode/src/golang.org/x/crypto/ssh"] },
  { package: "erlang-ssh", probe: ["sh", "-c", "command -v escript && ls -d /usr/lib/erlang/lib/ssh-*"] },
  { package: "php-cli", probe: ["sh", "-c", "command -v php"] },
  { package: "php-phpseclib3", probe: ["test", "-f", "/usr/share/php/phpseclib3/autoload.php"] },
  { package: "ssh-audit", probe: ["sh", "-c", "command -v ssh-audit"] },
  { package: "postgresql", probe: ["sh", "-c", "ls /usr/lib/postgresql/*/bin/postgres"] },
  { package: "valkey-server", probe: ["sh", "-c", "command -v valkey-server"] },
  // Debian starts the service of one of these on port 80. The tests run their own, on other ports.
  { package: "nginx", probe: ["test", "-x", "/usr/sbin/nginx"] },
  { package: "caddy", probe: ["sh", "-c", "command -v caddy"] },
  { package: "chromium", probe: ["sh", "-c", "command -v chromium"] },
  { package: "firefox-esr", probe: ["sh", "-c", "command -v firefox-esr"] },
];

/** Wine, which runs programs of Windows on amd64. */
export const WINE: readonly Program[] = [
  { package: "wine", probe: command("wine", "wineserver") },
  { package: "wine64", probe: ["test", "-x", "/usr/lib/wine/wine64"] },
];

/**
 * Installs those of the programs that are missing. Several processes may call this concurrently.
 *
 * @throws if a program is missing and cannot be installed. Tests are not skipped for a missing program.
 */
export async function ensurePrograms(programs: readonly Program[]): Promise<void> {
  if ((await missing(programs)).length === 0) return;
  await withLock(join(tmpdir(), "nacre-peers.lock"), async () => {
    const packages = await missing(programs);
    if (packages.length === 0) return;
    if (!(await canInstallPackages()))
      throw new Error(
        `the tests need ${packages.join(", ")}; install these packages, or run as root on a machine with apt-get`,
      );
    await installPackages(packages);
    const still = await missing(programs);
    if (still.length > 0)
      throw new Error(`installed ${still.join(", ")}, but the programs that the tests need are still missing`);
  });
}

async function missing(programs: readonly Program[]): Promise<string[]> {
  const results = await Promise.all(programs.map(async (peer) => ({ ...peer, ...(await run(peer.probe)) })));
  return results.filter(({ status }) => status !== 0).map((peer) => peer.package);
}
