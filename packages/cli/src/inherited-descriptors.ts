import { closeSync, readdirSync, readFileSync } from "node:fs";

/** Value of O_CLOEXEC on Linux (fcntl(2)), the same on every architecture that Node supports. */
const O_CLOEXEC = 0o2000000;

/**
 * Closes all descriptors inherited by this process except standard input, output and error. Otherwise every session would inherit them
 * too; sshd uses closefrom(3) for this. Node's own descriptors have O_CLOEXEC and stay open.
 *
 * Does nothing on systems without `/proc/self/fdinfo`. macOS does not need it: Node starts programs there with POSIX_SPAWN_CLOEXEC_DEFAULT,
 * so they inherit nothing.
 */
export function closeInheritedDescriptors(): void {
  let names: string[];
  try {
    names = readdirSync("/proc/self/fdinfo");
  } catch {
    return;
  }
  for (const name of names) {
    const fd = Number(name);
    // rule: close-inherited
    if (fd > 2 && isInheritable(fd)) closeSync(fd);
  }
}

function isInheritable(fd: number): boolean {
  try {
    const [, flags] = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8")) ?? [];
    return flags !== undefined && (Number.parseInt(flags, 8) & O_CLOEXEC) === 0;
  } catch {
    // This is the descriptor that read the folder; it is closed already.
    return false;
  }
}
