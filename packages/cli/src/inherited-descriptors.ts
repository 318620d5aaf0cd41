import { closeSync, readdirSync, readFileSync } from "node:fs";

/** Linux: fcntl(2); the same on all its architectures that Node runs on. */
const O_CLOEXEC = 0o2000000;

/**
 * Closes the descriptors that this process was started with, beyond standard input, output and error, as sshd does with closefrom(3):
 * every session would inherit them. Node opens its own with O_CLOEXEC, which tells them apart.
 *
 * Does nothing where there is no `/proc/self/fdinfo`. On macOS nothing is inherited: Node starts programs with
 * POSIX_SPAWN_CLOEXEC_DEFAULT there.
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
    // The one that the folder itself was read through.
    return false;
  }
}
