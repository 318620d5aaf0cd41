import { decodePath } from "@nacre/sftp";
import { concatBytes, escapeText, SshError, utf8DecodeLossy } from "@nacre/wire";
import { type CallContext, call } from "../../channel/call.ts";
import { join, toBytes } from "../../channel/remote-path.ts";
import type { SftpChannel } from "../../channel/sftp-channel.ts";
import { lengthOf, piecesOf } from "../../local/chunk.ts";
import type { Sha256Maker } from "../../local/sha256.ts";
import type { ChannelOpener, DigestExecResult } from "../../remote/open-sftp.ts";
import { readRemote } from "./remote-read.ts";
import type { TokenBucket } from "./token-bucket.ts";

/** Digests whole files. Names are passed on its input, so they need no quoting. */
const WHOLE = "xargs -0 sha256sum -z --";

/** Digests the beginnings of files: its input is a length and a name, each followed by NUL. */
const PREFIX = `xargs -0 -n 2 sh -c 'head -c "$0" -- "$1" | sha256sum -z'`;

/** Maximum length in bytes of an output line, without the name. */
const LINE_LENGTH = 80;

/** Maximum length in bytes of the messages of a command. */
const MAX_MESSAGES = 65_536;

/** Digests of files, in lowercase hexadecimal. */
export interface Digests {
  /** Digests by path. */
  readonly byPath: ReadonlyMap<string, string>;
  /** Why other paths have none, for people. */
  readonly reason: string;
}

/** SHA-256 digests of files of the server, computed there or by reading them. */
export class RemoteDigests {
  readonly #channel: SftpChannel;
  readonly #opener: ChannelOpener | undefined;
  #home: Promise<string> | undefined;

  constructor(channel: SftpChannel, opener: ChannelOpener | undefined) {
    this.#channel = channel;
    this.#opener = opener;
  }

  /** Digests whole files, all by one command. Rejects with `aborted`, or the error that ended the connection. */
  async whole(paths: readonly string[], context: CallContext): Promise<Digests> {
    if (paths.length === 0) return { byPath: new Map(), reason: "" };
    const absolute = await Promise.all(paths.map((path) => this.#absolute(path, context)));
    const lists = await this.#exec(WHOLE, absolute.map(toBytes), context);
    const byAbsolute = new Map<string, string>();
    // If a server states two digests for a file, the first counts.
    for (const { digest, name } of lists.lines) if (!byAbsolute.has(name)) byAbsolute.set(name, digest);
    const byPath = new Map<string, string>();
    for (const [index, path] of paths.entries()) {
      const digest = byAbsolute.get(absolute[index]!);
      if (digest !== undefined) byPath.set(path, digest);
    }
    return { byPath, reason: lists.reason };
  }

  /** Digests the first `length` bytes of a file. Rejects like `whole`. */
  async prefix(path: string, length: number, context: CallContext): Promise<Digests> {
    const absolute = await this.#absolute(path, context);
    const { lines, reason } = await this.#exec(PREFIX, [toBytes(String(length)), toBytes(absolute)], context);
    const digest = lines.length === 1 ? lines[0]!.digest : undefined;
    return { byPath: new Map(digest === undefined ? [] : [[path, digest]]), reason };
  }

  /**
   * Digests a file by reading it over SFTP, at the rate of `bucket`. `size` is the expected size in bytes: little is read beyond it.
   * Rejects with an `SftpError` if the server refuses, `sftp-failure` if the file ends before the size that the server states, or like
   * `whole`.
   */
  async readBack(
    path: string,
    size: number,
    { makeHash, bucket }: { readonly makeHash: Sha256Maker; readonly bucket: TokenBucket | undefined },
    context: CallContext,
  ): Promise<string> {
    const hash = await makeHash();
    let length = 0;
    for await (const chunk of readRemote(this.#channel, path, { start: 0, size, bucket }, context)) {
      for (const piece of piecesOf(chunk)) hash.update(piece);
      length += lengthOf(chunk);
      // rule: transfer-read-back-end
      if (length > size) break;
    }
    return hash.digest();
  }

  /** Commands may start in another directory than the server's SFTP. */
  async #absolute(path: string, context: CallContext): Promise<string> {
    if (path.startsWith("/")) return path;
    this.#home ??= call(this.#channel, { type: "realpath", path: toBytes(".") }, "name", context).then(({ name }) =>
      decodePath(name.filename),
    );
    return join(await this.#home, path);
  }

  async #exec(
    command: string,
    names: readonly Uint8Array[],
    context: CallContext,
  ): Promise<{ readonly lines: readonly Line[]; readonly reason: string }> {
    if (this.#opener?.exec === undefined) return { lines: [], reason: "this connection runs no commands" };
    const input = concatBytes(...names.flatMap((name) => [name, NUL]));
    const maxOutput = Math.max(input.length + LINE_LENGTH * names.length, MAX_MESSAGES);
    const options = { input, encoding: "bytes", maxOutput, signal: context.signal, queue: false } as const;
    try {
      const result = await this.#opener.exec(command, options);
      return { lines: linesOf(result.stdout), reason: reasonOf(command, result) };
    } catch (error) {
      if (this.#channel.over !== undefined) throw this.#channel.over;
      if (!(error instanceof SshError) || context.signal?.aborted === true) throw error;
      return { lines: [], reason: `the server did not run \`${command}\`: ${error.message}` };
    }
  }
}

interface Line {
  readonly digest: string;
  readonly name: string;
}

const NUL = Uint8Array.of(0);

/** Parses the output of `sha256sum -z`: digest, two characters, name, NUL. */
function linesOf(output: Uint8Array): Line[] {
  const lines: Line[] = [];
  for (let start = 0, end = output.indexOf(0); end >= 0; start = end + 1, end = output.indexOf(0, start)) {
    const line = output.subarray(start, end);
    const digest = utf8DecodeLossy(line.subarray(0, 64));
    if (/^[0-9a-f]{64}$/.test(digest)) lines.push({ digest, name: decodePath(line.subarray(66)) });
  }
  return lines;
}

function reasonOf(command: string, { status, stderr }: DigestExecResult): string {
  const message = escapeText(utf8DecodeLossy(stderr.subarray(0, 200)).trim());
  const end = status === undefined ? "was ended by a signal" : `ended with status ${status}`;
  return `\`${command}\` on the server gave no digest, and ${end}${message === "" ? "" : `: ${message}`}`;
}
