/**
 * Returns a function that tells whether node:crypto can do something here, by doing it: `use` returns whether the result is right. It runs
 * once, when the function is first called and never at import; an exception counts as no.
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
