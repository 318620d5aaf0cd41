import { closeSync, readdirSync, readFileSync } from "node:fs";
import { usage } from "../options.ts";

/** Value of O_CLOEXEC on Linux (fcntl(2)), the same on every architecture that Node supports. */
const O_CLOEXEC = 0o2000000;

/**
 * Closes all descriptors inherited by this process except standard input, output and error. Otherwise every session would inherit them
 * too; sshd uses closefrom(3) for this. Node's own descriptors have O_CLOEXEC and stay open.
 *
 * Does nothing on systems without `/proc/self/fdinfo`. macOS does not need it: Node starts programs there with POSIX_SPAWN_CLOEXEC_DEFAULT,
 * so they inherit nothing.
 *
 * Throws `usage` if a descriptor cannot be closed, because sessions would inherit it: Deno's `closeSync` only closes files that Deno
 * opened.
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
    if (fd > 2 && isInheritable(fd)) close(fd);
  }
}

function close(fd: number): void {
  try {
    closeSync(fd);
  } catch {
    throw usage(
      `this runtime cannot close file descriptor ${fd}, which every session would inherit; ` +
        "run nacre serve on Node or Bun, or start it with only standard input, output and error open",
    );
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
