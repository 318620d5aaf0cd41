/**
 * Returns a function that reports whether node:crypto supports a feature. It runs `use` on its first call, never at import, and caches the
 * result. `use` returns whether its computation is correct; an exception counts as false.
 */
export function probe(use: () => boolean): () => boolean {
  let works: boolean | undefined;
  return () => {
    works ??= succeeds(use);
    return works;
  };
}

function succeeds(use: () => boolean): boolean {
  try {
    return use();
  } catch {
    return false;
  }
}
