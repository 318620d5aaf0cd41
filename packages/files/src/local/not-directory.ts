import { SshError } from "@nacre/wire";
import type { LocalFileType } from "./local-files.ts";
import { shownPath } from "./names.ts";

/** Returns the error for a local path that is not a directory but must be one. */
export function notDirectory(path: string, type: LocalFileType, rules: "posix" | "windows"): SshError {
  const what = type === "link" ? "is a symbolic link, which a copy may have made" : "exists and is not a directory";
  return new SshError("file-unwritable", `${shownPath(path, rules)} ${what}; remove it first`);
}
