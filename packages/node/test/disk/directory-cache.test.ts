import { afterEach, expect, it, vi } from "vitest";
import type { Directory } from "../../src/disk/directory.ts";
import { DirectoryCache } from "../../src/disk/directory-cache.ts";

afterEach(() => {
  vi.useRealTimers();
});

/** A directory that counts how often it was closed. */
function openDirectory(): Directory & { closed: number } {
  const directory = {
    ...({ isKept: true } as Directory),
    closed: 0,
    location: () => "/srv",
    close() {
      directory.closed++;
    },
  };
  return directory;
}

it("closes a directory after the call, or once the last walk that holds it goes on", () => {
  const cache = new DirectoryCache(openDirectory);
  const [free, held] = [openDirectory(), openDirectory()];
  cache.use(() => {
    cache.hold(held);
    cache.hold(held);
    cache.retire(free);
    cache.retire(held);
  });
  expect([free.closed, held.closed]).toEqual([1, 0]);
  cache.use(() => cache.release(held));
  expect(held.closed).toBe(0);
  cache.use(() => cache.release(held));
  expect([free.closed, held.closed]).toEqual([1, 1]);
});

it("keeps a directory until it was unused for a second, again and again", () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "performance"] });
  const opened: ReturnType<typeof openDirectory>[] = [];
  const cache = new DirectoryCache(() => {
    const directory = openDirectory();
    opened.push(directory);
    return directory;
  });
  const use = (): unknown => cache.use(() => cache.root());
  for (const round of [0, 1]) {
    const uses = [0, 600, 600];
    for (const wait of uses) {
      vi.advanceTimersByTime(wait);
      use();
    }
    vi.advanceTimersByTime(999);
    expect(opened.map(({ closed }) => closed)).toEqual([1, 0].slice(1 - round));
    vi.advanceTimersByTime(1);
    expect(opened.map(({ closed }) => closed)).toEqual([1, 1].slice(1 - round));
  }
});
