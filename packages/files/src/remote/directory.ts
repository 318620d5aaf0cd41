import { type NameEntry, SftpError, SSH_FX } from "@nacre/sftp";
import { escapeText, SshError } from "@nacre/wire";
import { ask, type CallContext, call } from "../channel/call.ts";
import { toBytes } from "../channel/remote-path.ts";
import type { SftpChannel } from "../channel/sftp-channel.ts";
import { Dirent } from "./stats.ts";

/** Maximum number of requests for names in flight. */
const MOST_REQUESTS = 8;

/** Opens a directory. Rejects with `aborted`, or the server's error. */
export async function openDirectory(channel: SftpChannel, path: string, context: CallContext): Promise<Dir> {
  const lists = listDirectory(channel, path, context);
  await lists.next();
  return new Dir(path, lists);
}

/**
 * Lists a directory: first an empty array when the directory is open, then one array of entries for each reply of the server, without "."
 * and "..". The next ones are requested meanwhile: the number of requests in flight doubles with each reply, up to 8. Throws `aborted`, or
 * the server's error.
 */
async function* listDirectory(
  channel: SftpChannel,
  path: string,
  context: CallContext,
): AsyncGenerator<Dirent[], void> {
  const { handle } = await call(channel, { type: "opendir", path: toBytes(path) }, "handle", context);
  let unanswered = 0;
  let isOver = false;
  /** Closes the directory when it is over. A request that followed CLOSE would take names from the next one that gets this handle. */
  const closeIfOver = (): void => {
    if (isOver && unanswered === 0) channel.release(handle);
  };
  const request = (): ReturnType<typeof ask> => {
    const answer = ask(channel, { type: "readdir", handle }, context);
    unanswered++;
    // Handled below, unless the list ends before. The end is noted here, because the names before it may be taken much later.
    const answered = (isEnd: boolean): void => {
      unanswered--;
      isOver ||= isEnd;
      closeIfOver();
    };
    answer.then(
      ({ type }) => answered(type !== "names"),
      () => answered(true),
    );
    return answer;
  };
  try {
    yield [];
    // The second one finds the end of a short directory without another round trip.
    const answers = [request(), request()];
    let most = answers.length;
    for (let next = answers.shift(); next !== undefined; next = answers.shift()) {
      const answer = await next;
      if (answer.type === "names") {
        most = Math.min(2 * most, MOST_REQUESTS);
        if (!isOver) while (answers.length < most) answers.push(request());
        yield answer.names.filter(isEntry).map((entry) => new Dirent(entry, path));
      } else if (answer.type === "status" && answer.status === SSH_FX.EOF) {
        // CLOSE follows these answers, and the next directory must not be opened before.
        await Promise.allSettled(answers);
        return;
      } else if (answer.type === "status") {
        throw new SftpError(answer.status, answer.message, context);
      }
    }
  } finally {
    if (!isOver) {
      isOver = true;
      closeIfOver();
    }
  }
}

/** Returns whether a name is an entry other than "." and "..". Throws if it is invalid. */
function isEntry({ filename }: NameEntry): boolean {
  if (/* rule: sftp-listed-name */ isPath(filename))
    throw new SshError(
      "malformed-message",
      `the SFTP server listed the name "${escapeText(String.fromCharCode(...filename.subarray(0, 100)))}", which no file can have; do not trust it`,
    );
  return !(filename[0] === DOT && (filename.length === 1 || (filename.length === 2 && filename[1] === DOT)));
}

function isPath(filename: Uint8Array): boolean {
  return filename.length === 0 || filename.includes(SLASH);
}

const DOT = 0x2e;
const SLASH = 0x2f;

/** An open directory, with the names of Node's `Dir`. Iterate over it, or call `read`. */
export class Dir implements AsyncDisposable {
  /** Path that was opened. */
  readonly path: string;
  readonly #lists: AsyncGenerator<Dirent[], void>;
  /** Entries received and not returned yet. */
  #entries: Dirent[] = [];

  constructor(path: string, lists: AsyncGenerator<Dirent[], void>) {
    this.path = path;
    this.#lists = lists;
  }

  /** Resolves with the next entry, in the server's order, or with `null` after the last. Rejects with the server's error. */
  async read(): Promise<Dirent | null> {
    while (this.#entries.length === 0) {
      const { done, value } = await this.#lists.next();
      if (done === true) return null;
      // Reversed, because removing the first element of a long array is slow.
      this.#entries = value.toReversed();
    }
    return this.#entries.pop()!;
  }

  /** Closes the directory. */
  async close(): Promise<void> {
    this.#entries = [];
    await this.#lists.return();
  }

  /** Iterates over the entries, and closes the directory at the end. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Dirent, void> {
    try {
      for (let entry = await this.read(); entry !== null; entry = await this.read()) yield entry;
    } finally {
      await this.close();
    }
  }

  /** Calls `close()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Maximum number of entries of a directory that are held at once. A hostile server may list entries without an end. */
const MAX_ENTRIES = 2 ** 20;

/** Maximum length of their names together, in characters: 256 for each. A name alone may have 32 KiB. */
const MAX_NAMES_LENGTH = 2 ** 28;

/** Resolves with all entries of a directory. Rejects with `output-limit` for too many, `aborted`, or the server's error. */
export function readAllEntries(
  channel: SftpChannel,
  path: string,
  context: CallContext,
  maxEntries: number = MAX_ENTRIES,
  maxNamesLength: number = MAX_NAMES_LENGTH,
): Promise<Dirent[]> {
  return channel.opens.runAgain(context, () => collectEntries(channel, path, context, maxEntries, maxNamesLength));
}

async function collectEntries(
  channel: SftpChannel,
  path: string,
  context: CallContext,
  maxEntries: number,
  maxNamesLength: number,
): Promise<Dirent[]> {
  const lists: Dirent[][] = [];
  let count = 0;
  let namesLength = 0;
  for await (const list of listDirectory(channel, path, context)) {
    lists.push(list);
    count += list.length;
    for (const { name } of list) namesLength += name.length;
    if (/* rule: sftp-names-length */ namesLength > maxNamesLength)
      throw new SshError(
        "output-limit",
        `${context.call} "${escapeText(path)}": the names in the directory have more than ${maxNamesLength} characters; iterate over it with \`opendir\``,
      );
    if (count > maxEntries)
      throw new SshError(
        "output-limit",
        `${context.call} "${escapeText(path)}": the directory has more than ${maxEntries} entries; iterate over it with \`opendir\``,
      );
  }
  return lists.flat();
}
