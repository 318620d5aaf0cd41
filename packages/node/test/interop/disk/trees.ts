import { createHash, randomBytes } from "node:crypto";
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";

/** A path as bytes, because names need not be UTF-8. */
type BytePath = string | Buffer;

/** All bytes that a name may contain: every one but NUL and "/". */
export const NAME_BYTES: readonly number[] = Array.from({ length: 255 }, (_, byte) => byte + 1).filter(
  (byte) => byte !== 0x2f,
);

/** Attributes that a list of a tree includes beside names, types, contents and link targets. */
export interface Listed {
  /** Permission bits; default true. */
  readonly modes?: boolean;
  /** Times of change of files, in whole seconds; default true. */
  readonly times?: boolean;
  /** Symbolic links; default true. */
  readonly links?: boolean;
}

/** Lists everything below a directory, one sorted line each. Names have one character per byte. */
export function listTree(path: BytePath, listed: Listed = {}): string[] {
  const lines: string[] = [];
  walk(Buffer.from(path), "", listed, lines);
  return lines.sort();
}

function walk(directory: Buffer, prefix: string, listed: Listed, lines: string[]): void {
  const { modes = true, times = true, links = true } = listed;
  for (const name of readdirSync(directory, { encoding: "buffer" })) {
    const path = join(directory, name);
    const shown = `${prefix}${name.toString("latin1")}`;
    const stats = lstatSync(path);
    const mode = modes ? ` ${(stats.mode & 0o7777).toString(8)}` : "";
    if (stats.isDirectory()) {
      lines.push(`${shown}/${mode}`);
      walk(path, `${shown}/`, listed, lines);
    } else if (stats.isSymbolicLink()) {
      if (links) lines.push(`${shown} -> ${readlinkSync(path, "latin1")}`);
    } else {
      const digest = createHash("sha256").update(readFileSync(path)).digest("hex");
      lines.push(`${shown} ${digest}${mode}${times ? ` ${Math.floor(stats.mtimeMs / 1000)}` : ""}`);
    }
  }
}

/** Joins a directory and a name of bytes. */
export function join(directory: BytePath, name: BytePath): Buffer {
  return Buffer.concat([Buffer.from(directory), Buffer.from("/"), Buffer.from(name)]);
}

/** Makes a directory with this number of small files in ten directories, a second old to a year. */
export function makeFiles(path: string, count: number): void {
  for (let d = 0; d < 10; d++) mkdirSync(`${path}/d${d}`, { recursive: true });
  const bytes = randomBytes(count + 4096);
  for (let i = 0; i < count; i++) {
    const file = `${path}/d${i % 10}/file ${i}`;
    writeFileSync(file, bytes.subarray(i, i + ((i * 97) % 4096)));
    utimesSync(file, 1_600_000_000 + i, 1_600_000_000 + i);
  }
}

/** Makes a directory with empty directories, a deep path, modes, times, a large file, and symbolic links where the peer keeps them. */
export function makeShapes(path: string, { links = true }: { readonly links?: boolean } = {}): void {
  const deep = `${path}/${Array.from({ length: 60 }, (_, depth) => `level ${depth}`).join("/")}`;
  mkdirSync(`${deep}/empty`, { recursive: true });
  writeFileSync(`${deep}/bottom`, "bottom");
  mkdirSync(`${path}/empty`);
  writeFileSync(`${path}/nothing`, "");
  writeFileSync(`${path}/large`, randomBytes(5_000_001));
  writeFileSync(`${path}/program`, "#!/bin/sh\n", { mode: 0o755 });
  writeFileSync(`${path}/secret`, "secret", { mode: 0o600 });
  utimesSync(`${path}/secret`, 1_000_000_000, 1_000_000_000);
  writeFileSync(`${path}/${"n".repeat(255)}`, "the longest name");
  if (!links) return;
  symlinkSync("large", `${path}/link`);
  symlinkSync("../nowhere", `${path}/dangling`);
  symlinkSync("level 0", `${path}/directory-link`);
}

/** Makes a directory with a file for each byte that a name may contain, and one whose name has them all. */
export function makeNames(path: string, bytes: readonly number[] = NAME_BYTES): void {
  mkdirSync(path);
  for (const byte of bytes) writeFileSync(join(path, Buffer.from([0x61, byte, 0x62])), `${byte}`);
  writeFileSync(join(path, Buffer.from(bytes)), "all");
}
