import { afterEach, expect, it, vi } from "vitest";
import type { Directory } from "../../src/disk/directory.ts";
import { DirectoryCache, MAX_KEPT } from "../../src/disk/directory-cache.ts";

afterEach(() => {
  vi.useRealTimers();
});

/** A directory that counts how often it was closed. */
function openDirectory(location = "/srv"): Directory & { closed: number } {
  const directory = {
    ...({ isKept: true } as Directory),
    closed: 0,
    location: () => location,
    close() {
      directory.closed++;
    },
  };
  return directory;
}

it("closes a directory after the call, or once the last walk that holds it goes on", () => {
  const cache = new DirectoryCache(() => openDirectory());
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

it("finds the nearest directory above, and none for other names or behind ..", () => {
  const cache = new DirectoryCache(() => openDirectory());
  const root = cache.root();
  const [a, ab, c] = [openDirectory("/srv/a"), openDirectory("/srv/a/b"), openDirectory("/srv/c")];
  cache.add(["a"], a);
  cache.add(["a", "b"], ab);
  cache.add(["c"], c);
  expect(cache.nearest(["f"])).toEqual({ directory: root, depth: 0 });
  expect(cache.nearest(["a"])).toEqual({ directory: root, depth: 0 });
  expect(cache.nearest(["a", "f"])).toEqual({ directory: a, depth: 1 });
  expect(cache.nearest(["a", "b", "d", "f"])).toEqual({ directory: ab, depth: 2 });
  expect(cache.nearest(["x", "c", "f"])).toEqual({ directory: root, depth: 0 });
  expect(cache.nearest(["cc", "f"])).toEqual({ directory: root, depth: 0 });
  expect(cache.nearest(["a", "..", "f"])).toEqual({ directory: root, depth: 0 });
});

it("closes the directory that was unused for longest, but never the root", () => {
  const root = openDirectory();
  const cache = new DirectoryCache(() => root);
  const names = Array.from({ length: MAX_KEPT }, (_, index) => `d${index}`);
  const directories = names.map((name) => openDirectory(`/srv/${name}`));
  cache.use(() => cache.root());
  cache.use(() => {
    for (const [index, directory] of directories.entries()) cache.add([names[index]!], directory);
  });
  expect(directories.map(({ closed }) => closed)).toEqual([1, ...Array.from(directories.slice(1), () => 0)]);
  expect(root.closed).toBe(0);
});

it("keeps directories below the root of the system", () => {
  const cache = new DirectoryCache(() => openDirectory("/"));
  cache.root();
  const etc = openDirectory("/etc");
  cache.add(["etc"], etc);
  expect(cache.nearest(["etc", "passwd"])).toEqual({ directory: etc, depth: 1 });
});

it("closes a directory that is not to be kept", () => {
  const cache = new DirectoryCache(() => openDirectory());
  cache.root();
  const directory = { ...openDirectory("/srv/a"), isKept: false, close: vi.fn() };
  cache.use(() => cache.add(["a"], directory));
  expect(directory.close).toHaveBeenCalledOnce();
});

it("finds the nearest directory, and one further above once that was moved", () => {
  const cache = new DirectoryCache(() => openDirectory());
  const [home, files, other] = ["/srv/home", "/srv/home/files", "/srv/home/file"].map((place) => {
    let at = place;
    return Object.assign(openDirectory(), { location: () => at, move: () => void (at = "/srv/moved") });
  }) as [Movable, Movable, Movable];
  cache.use(() => {
    cache.root();
    cache.add(["home"], home);
    cache.add(["home", "files"], files);
    cache.add(["home", "file"], other);
    expect(cache.nearest(["home", "files", "name"])).toEqual({ directory: files, depth: 2 });
    expect(cache.nearest(["home", "files2", "name"])).toEqual({ directory: home, depth: 1 });
    expect(cache.nearest(["home", "files"])).toEqual({ directory: home, depth: 1 });
    files.move();
    expect(cache.nearest(["home", "files", "name"])).toEqual({ directory: home, depth: 1 });
    home.move();
    expect(cache.nearest(["home", "files", "name"]).depth).toBe(0);
  });
  expect([files.closed, home.closed, other.closed]).toEqual([1, 1, 0]);
});

/** A directory that another program can move. */
type Movable = ReturnType<typeof openDirectory> & { move(this: void): void };
