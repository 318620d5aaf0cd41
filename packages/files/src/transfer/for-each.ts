/** Maximum number of items that are worked on at the same time. */
const MOST_AT_ONCE = 8;

/** Does the work for each item, for some at the same time: at most `most`, and 8. */
export async function forEach<T>(
  items: readonly T[],
  work: (item: T) => Promise<void>,
  most: number = MOST_AT_ONCE,
): Promise<void> {
  const rest = items.values();
  const workers = Array.from({ length: Math.min(MOST_AT_ONCE, most, items.length) }, async () => {
    for (const item of rest) await work(item);
  });
  await Promise.all(workers);
}
