import { escapeText, SshError } from "@nacre/wire";

/** What a `DOMException` of the browser's file APIs means for the user, by its name. */
const MEANINGS: Readonly<Record<string, string>> = {
  NotFoundError: "it does not exist",
  NotAllowedError: "the browser does not permit this page to use it; choose it again and permit it",
  NotReadableError: "it cannot be read, or it changed after it was chosen; choose it again",
  NoModificationAllowedError: "another page or program uses it; close that and try again",
  QuotaExceededError: "no space is left; free some, or save the file elsewhere",
  TypeMismatchError: "it is a directory in place of a file, or a file in place of a directory",
  InvalidModificationError: "the browser does not permit the change",
};

/** Rejects with `file-unreadable` in place of an error of the browser. */
export async function reading<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw failure("file-unreadable", path, cause);
  }
}

/** Rejects with `file-unwritable` in place of an error of the browser. */
export async function writing<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw failure("file-unwritable", path, cause);
  }
}

/** Returns the error for one of the browser. Returns an `SshError` as it is. */
export function failure(code: "file-unreadable" | "file-unwritable", path: string, cause: unknown): SshError {
  if (cause instanceof SshError) return cause;
  const { name, message } = cause as Error;
  const verb = code === "file-unreadable" ? "read" : "write";
  return new SshError(code, `cannot ${verb} ${escapeText(path)}: ${MEANINGS[name] ?? escapeText(message)}`, { cause });
}

/** Returns whether an error of the browser has this name. */
export function isNamed(error: unknown, name: string): boolean {
  return error instanceof Error && error.name === name;
}
