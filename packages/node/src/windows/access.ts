import { execFile } from "node:child_process";
import { mkdtemp, readFile, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, win32 } from "node:path";
import { windowsProgram } from "./programs.ts";
import { showPath } from "./system.ts";

/** Tools that read and set access lists. */
export interface AccessTools {
  /** Runs a program of Windows. Resolves with its output; rejects if it fails. */
  readonly run: (program: string, words: readonly string[]) => Promise<string>;
  /** Resolves with the access list of a file or folder as icacls saves it. Rejects if it cannot be read. */
  readonly saved: (path: string) => Promise<string>;
  readonly realpath: (path: string) => Promise<string>;
}

/** Milliseconds after which icacls or whoami has failed. Neither waits for anything. */
const TIMEOUT = 10_000;

const run: AccessTools["run"] = (program, words) =>
  new Promise((resolve, reject) => {
    const options = { timeout: TIMEOUT, windowsHide: true } as const;
    execFile(windowsProgram(program), [...words], options, (error, output) =>
      error ? reject(error) : resolve(output),
    );
  });

const windowsTools: AccessTools = {
  run,
  realpath,
  async saved(path) {
    // The temporary folder of Windows belongs to the account.
    const folder = await mkdtemp(join(tmpdir(), "nacre-"));
    try {
      const file = join(folder, "acl");
      await run("icacls.exe", [path, "/save", file]);
      return await readFile(file, "utf16le");
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};

/** The local system, and the administrators: both can read and write everything in any case. */
const ALWAYS: readonly string[] = ["SY", "S-1-5-18", "BA", "S-1-5-32-544"];

/**
 * Gives a file on Windows to this account alone, as mode 0600 does elsewhere, by icacls. The local system and administrators keep their
 * access. Resolves with the reason if that failed; with `undefined` if the access list, read again, gives no other account access.
 */
export async function restrictAccess(
  path: string,
  { run, saved }: Pick<AccessTools, "run" | "saved"> = windowsTools,
): Promise<string | undefined> {
  try {
    const own = await ownIdentifier(run);
    const grants = [own, "S-1-5-18", "S-1-5-32-544"].flatMap((sid) => ["/grant:r", `*${sid}:F`]);
    await run("icacls.exe", [path, "/inheritance:r", ...grants]);
    // rule: windows-restricted
    if (isExposed(await saved(path), [own], isAccess)) return "other accounts still have access to it";
    return undefined;
  } catch (cause) {
    return `icacls failed: ${showPath((cause as Error).message)}`;
  }
}

/**
 * Describes how an account other than this one, the local system and administrators could write a file on Windows. Returns `undefined` if
 * that is impossible. Looks at the access lists of the file and of its folders up to `home`; icacls does not show owners, so a file
 * elsewhere counts as exposed.
 */
export async function windowsExposure(
  path: string,
  home: string,
  { run, saved, realpath }: AccessTools = windowsTools,
): Promise<string | undefined> {
  try {
    const [file, top] = await Promise.all([realpath(path), realpath(home)]);
    // rule: windows-exposed-owner
    if (!file.toLowerCase().startsWith(`${top.toLowerCase()}\\`))
      return "on Windows only files in the home folder may have commands, because the owner of others is not known";
    const own = await ownIdentifier(run);
    for (let at = file; ; at = win32.dirname(at)) {
      // rule: windows-exposed
      if (isExposed(await saved(at), [own], isWriteAccess)) return `other accounts can write ${showPath(at)}`;
      if (at.length <= top.length) return undefined;
    }
  } catch (cause) {
    return `its access list cannot be read: ${showPath((cause as Error).message)}`;
  }
}

/** Resolves with the security identifier of the account that runs this process. Names of accounts differ by language. */
async function ownIdentifier(run: AccessTools["run"]): Promise<string> {
  const output = await run("whoami.exe", ["/user", "/fo", "csv", "/nh"]);
  const [sid] = /S-1-[0-9-]+/.exec(output) ?? [];
  if (sid === undefined) throw new Error("whoami printed no identifier");
  return sid;
}

/**
 * Returns whether an access list, in the form of SDDL, gives another account rights that matter. Without a list everybody may do
 * everything. A list with conditions, which have parentheses of their own, counts as one that gives them. An entry that denies, or that
 * is only for new files of a folder, gives none.
 */
export function isExposed(saved: string, own: readonly string[], matters: (rights: string) => boolean): boolean {
  const [, list] = /D:[A-Z_]*((?:\([^()]*\))+)(?=\s|S:|$)/.exec(saved) ?? [];
  if (list === undefined) return true;
  return Array.from(list.matchAll(/\(([^()]*)\)/g)).some(([, entry = ""]) => {
    const [type = "", flags = "", rights = "", , , sid = ""] = entry.split(";");
    const isDenied = type === "D" || type === "OD" || type === "XD";
    const isInheritedOnly = /^(?:..)*IO/.test(flags);
    return !isDenied && !isInheritedOnly && !ALWAYS.includes(sid) && !own.includes(sid) && matters(rights);
  });
}

const isAccess = (): boolean => true;

/** FILE_GENERIC_READ and FILE_GENERIC_EXECUTE. */
const READ_AND_EXECUTE = 0x1200a9;

/** Returns whether rights, as two-letter codes or a number, are more than reading and executing. */
export function isWriteAccess(rights: string): boolean {
  if (/^(?:FR|FX|GR|GX|RC)+$/.test(rights)) return false;
  const mask = Number(rights);
  return !(Number.isInteger(mask) && rights !== "" && (mask & ~READ_AND_EXECUTE) === 0);
}
