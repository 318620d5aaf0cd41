import { tmpdir } from "node:os";
import { join } from "node:path";
import { canInstallPackages, installPackages } from "../openssh/debian.ts";
import { withLock } from "../openssh/lock.ts";
import { run } from "../openssh/run.ts";

/** Programs of others that talk to our server: a command that runs only where it is there, and the Debian package it is in. */
const PEERS: readonly { readonly package: string; readonly probe: readonly string[] }[] = [
  { package: "openssh-client", probe: ["sh", "-c", "command -v ssh && command -v ssh-keyscan && command -v sftp"] },
  { package: "openssh-sftp-server", probe: ["test", "-x", "/usr/lib/openssh/sftp-server"] },
  {
    package: "dropbear-bin",
    probe: ["sh", "-c", "command -v dbclient && command -v dropbearconvert && test -x /usr/sbin/dropbear"],
  },
  { package: "python3-paramiko", probe: ["/usr/bin/python3", "-c", "import paramiko"] },
  { package: "ssh-audit", probe: ["sh", "-c", "command -v ssh-audit"] },
  { package: "git", probe: ["sh", "-c", "command -v git"] },
];

/**
 * Makes sure that the programs which the tests drive our server with are there, and installs them where they are not. Several
 * processes may call this at once.
 *
 * @throws when they are not there and cannot be installed: a test that does without them shows nothing.
 */
export async function ensurePeers(): Promise<void> {
  if ((await missing()).length === 0) return;
  await withLock(join(tmpdir(), "nacre-peers.lock"), async () => {
    const packages = await missing();
    if (packages.length === 0) return;
    if (!(await canInstallPackages()))
      throw new Error(`the tests need ${packages.join(", ")}: install them, or run as root where there is apt-get`);
    await installPackages(packages);
    const still = await missing();
    if (still.length > 0) throw new Error(`${still.join(", ")} were installed, but what the tests need is not there`);
  });
}

async function missing(): Promise<string[]> {
  const results = await Promise.all(PEERS.map(async (peer) => ({ ...peer, ...(await run(peer.probe)) })));
  return results.filter(({ status }) => status !== 0).map((peer) => peer.package);
}
