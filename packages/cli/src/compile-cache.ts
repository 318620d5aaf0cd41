import { lstatSync, mkdirSync, realpathSync } from "node:fs";
import module from "node:module";
import { userInfo } from "node:os";
import { dirname, join } from "node:path";

/**
 * Lets Node store the compiled code of the command in `~/.cache/nacre/compiled`, so that the next start compiles less. Needs Node 22.8.
 * Stores nothing on Windows, or if another user could write to the folder. Node ignores the call if NODE_DISABLE_COMPILE_CACHE is set.
 */
export function useCompileCache(): void {
  const { enableCompileCache } = module as { readonly enableCompileCache?: (folder: string) => unknown };
  if (enableCompileCache === undefined) return;
  try {
    const folder = privateFolder(join(userInfo().homedir, ".cache", "nacre", "compiled"));
    if (folder !== undefined) enableCompileCache(folder);
  } catch {
    // The home folder is read-only, for example.
  }
}

/**
 * Creates a folder unless it exists, and returns its real path. Returns `undefined` if a user other than root and this one can write to
 * it, or can put another folder in its place: V8 runs the code in a compile cache.
 */
export function privateFolder(path: string): string | undefined {
  const uid = process.getuid?.();
  if (uid === undefined) return undefined;
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const folder = realpathSync(path);
  const own = lstatSync(folder);
  // rule: compile-cache-private
  if (own.uid !== uid || (own.mode & 0o077) !== 0) return undefined;
  for (let parent = dirname(folder); ; parent = dirname(parent)) {
    const { uid: owner, mode } = lstatSync(parent);
    // In a folder with the sticky bit, others can rename or remove only their own files.
    const isOpen = (mode & 0o022) !== 0 && (mode & 0o1000) === 0;
    // rule: compile-cache-parents
    if ((owner !== uid && owner !== 0) || isOpen) return undefined;
    if (parent === dirname(parent)) return folder;
  }
}
