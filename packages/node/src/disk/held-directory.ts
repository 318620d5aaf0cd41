import { constants } from "node:fs";
import * as fs from "node:fs/promises";
import type { LocalDirectory } from "@nacre/files";

/** Flag of Linux's open(2) that needs no right to read the directory. Node does not name it. */
const O_PATH = 0o10_000_000;

/** Where Linux has the open files of this process. */
const DESCRIPTORS = "/proc/self/fd/";

/** Paths of the directories held, by the number of their descriptor, for messages. */
const shown = new Map<string, string>();

/**
 * Opens a directory on Linux, and returns the path of its descriptor. That path leads to the same directory even if a link takes its name,
 * so the names below it can be opened, renamed and removed safely. Without /proc, the path is returned as it
 * is. Rejects for anything else, also for a symbolic link without `follow`.
 */
export async function holdDirectory(path: string | Buffer, text: string, follow: boolean): Promise<LocalDirectory> {
  const { O_DIRECTORY, O_NOFOLLOW } = constants;
  const handle = await fs.open(path, O_PATH | O_DIRECTORY | (follow ? 0 : /* rule: transfer-hold-link */ O_NOFOLLOW));
  if (!(await isReachable(handle))) {
    await handle.close();
    return { path: text, close: async () => {} };
  }
  const number = String(handle.fd);
  shown.set(number, shownPath(text));
  return {
    path: `${DESCRIPTORS}${number}`,
    async close() {
      shown.delete(number);
      await handle.close();
    },
  };
}

/** Returns whether the path of a descriptor leads to what it has open. Some runtimes and containers hide /proc. */
async function isReachable(handle: fs.FileHandle): Promise<boolean> {
  try {
    const [here, there] = await Promise.all([
      handle.stat({ bigint: true }),
      fs.stat(`${DESCRIPTORS}${handle.fd}`, { bigint: true }),
    ]);
    return here.dev === there.dev && here.ino === there.ino;
  } catch {
    return false;
  }
}

/** Replaces paths of held directories in a text by the paths that they were opened with. */
export function shownPath(text: string): string {
  return text.replace(/\/proc\/self\/fd\/(\d+)(?=[/'"]|$)/g, (path, number: string) => shown.get(number) ?? path);
}
