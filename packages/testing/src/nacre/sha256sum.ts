import type { DigestExecResult } from "@nacre/files";
import { decodePath, encodePath } from "@nacre/sftp";
import { concatBytes } from "@nacre/wire";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { type MemoryFiles, Refusal } from "../sftp/memory-files.ts";

/** Runs the commands with which transfers digest files of a server, for `MemorySftp`. Other commands are unknown. */
export function sha256sum(command: string, input: Uint8Array, files: MemoryFiles): DigestExecResult {
  const words = decodePath(input).split("\0").slice(0, -1);
  if (command === "xargs -0 sha256sum -z --") return result(words.map((path) => digest(files, path, undefined)));
  if (command === `xargs -0 -n 2 sh -c 'head -c "$0" -- "$1" | sha256sum -z'`)
    return result([digest(files, words[1]!, Number(words[0]))]);
  return { status: 127, stdout: new Uint8Array(0), stderr: encodePath(`sh: ${command}: not found`) };
}

function digest(files: MemoryFiles, path: string, length: number | undefined): Uint8Array | undefined {
  try {
    const { data } = files.find(path);
    return encodeLine(bytesToHex(sha256(data.subarray(0, length))), length === undefined ? path : "-");
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return undefined;
  }
}

function encodeLine(hex: string, name: string): Uint8Array {
  return concatBytes(encodePath(`${hex}  ${name}`), Uint8Array.of(0));
}

function result(lines: readonly (Uint8Array | undefined)[]): DigestExecResult {
  const found = lines.filter((line) => line !== undefined);
  const status = found.length === lines.length ? 0 : 123;
  return { status, stdout: concatBytes(...found), stderr: encodePath(status === 0 ? "" : "No such file or directory") };
}
