import { onTestFinished, vi } from "vitest";
import { FakeDirectory, FakeFile } from "./fake-directory.ts";
import { HAS_PRIVATE_FILES } from "./test-directory.ts";

/** A file that the page has handed over to the browser. */
export interface HandedOver {
  readonly name: string;
  readonly blob: Blob;
}

/**
 * Replaces what a page has and this runtime lacks: links, and the origin-private file system. In a browser only the click on a link is
 * replaced. Returns the files handed over to the browser, in order. Ends with the test.
 */
export function fakePage(): HandedOver[] {
  const handedOver: HandedOver[] = [];
  const blobs = new Map<string, Blob>();
  const createUrl = URL.createObjectURL.bind(URL);
  vi.spyOn(URL, "createObjectURL").mockImplementation((blob) => {
    const url = createUrl(blob);
    blobs.set(url, blob as Blob);
    return url;
  });
  onTestFinished(() => {
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
    for (const url of blobs.keys()) URL.revokeObjectURL(url);
  });
  const take = ({ download, href }: HTMLAnchorElement): void =>
    void handedOver.push({ name: download, blob: blobs.get(href)! });
  if (HAS_PRIVATE_FILES) {
    vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(function (this: HTMLElement) {
      take(this as HTMLAnchorElement);
    });
    return handedOver;
  }
  const root = new FakeDirectory();
  const locks = new Map<string, Promise<unknown>>();
  vi.stubGlobal("HTMLAnchorElement", Object);
  vi.stubGlobal("document", {
    createElement: () => {
      const link = { href: "", download: "", click: () => take(link as HTMLAnchorElement) };
      return link;
    },
  });
  vi.stubGlobal("FileSystemFileHandle", FakeFile);
  vi.stubGlobal("navigator", {
    storage: { getDirectory: () => Promise.resolve(root) },
    locks: {
      request: (name: string, ...rest: [object, LockCallback] | [LockCallback]) => request(locks, name, ...rest),
    },
  });
  return handedOver;
}

type LockCallback = (lock: object | null) => Promise<unknown>;

/** Grants a free lock. Calls back with null for a held one, as with `ifAvailable`. */
async function request(
  locks: Map<string, Promise<unknown>>,
  name: string,
  ...rest: [object, LockCallback] | [LockCallback]
): Promise<unknown> {
  const callback = rest.at(-1) as LockCallback;
  if (locks.has(name)) return callback(null);
  const held = callback({ name });
  locks.set(name, held);
  return held.finally(() => locks.delete(name));
}
