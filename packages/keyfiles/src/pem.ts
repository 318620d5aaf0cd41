import { base64Decode, base64Encode, SshError } from "@nacre/wire";

/** Block of a PEM file (RFC 7468), with the headers of RFC 1421 that OpenSSL still writes. */
export interface PemBlock {
  /** Label, such as `"RSA PRIVATE KEY"`. */
  readonly label: string;
  /** Number of the BEGIN line, from 1. */
  readonly line: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Uint8Array;
}

/** Parses the blocks of a PEM text. Skips explanatory text between them (RFC 7468 §2). Throws `file-malformed`. */
export function parsePem(text: string): PemBlock[] {
  const lines = text.split("\n").map((line) => line.trimEnd());
  const blocks: PemBlock[] = [];
  for (let i = 0; i < lines.length; i++) {
    const label = /^-----BEGIN ([A-Z0-9][A-Z0-9 ]*)-----$/.exec(lines[i]!)?.[1];
    if (label === undefined) continue;
    const end = lines.findIndex((line, at) => at > i && line.startsWith("-----"));
    if (end < 0)
      throw new SshError("file-malformed", `line ${i + 1}: "${label}" has no END line; the file is truncated`);
    if (lines[end] !== `-----END ${label}-----`)
      throw new SshError("file-malformed", `line ${end + 1}: expected the END line of "${label}"`);
    blocks.push(parseBlock(label, lines.slice(i + 1, end), i + 1));
    i = end;
  }
  return blocks;
}

function parseBlock(label: string, lines: readonly string[], line: number): PemBlock {
  const headers = new Map<string, string>();
  let at = 0;
  if (lines[0]?.includes(":")) {
    for (; lines[at] !== ""; at++) {
      const header = /^([A-Za-z-]+): *(.*)$/.exec(lines[at] ?? "");
      if (header === null)
        throw new SshError(
          "file-malformed",
          `line ${line + at + 1}: expected a header or the empty line after the headers`,
        );
      headers.set(header[1]!, header[2]!);
    }
    at++;
  }
  for (let i = at; i < lines.length; i++) {
    if (!/^[A-Za-z0-9+/]+={0,2}$/.test(lines[i]!))
      throw new SshError("file-malformed", `line ${line + i + 1}: invalid base64`);
  }
  const body = base64Decode(lines.slice(at).join(""));
  if (body === undefined)
    throw new SshError("file-malformed", `line ${line}: base64 of "${label}" is damaged or truncated`);
  return { label, line, headers, body };
}

/** Formats a PEM block in lines of `width` characters, with a final newline. An empty line follows the headers. */
export function formatPem(label: string, body: Uint8Array, width: number, headers: readonly string[] = []): string {
  const lines = base64Encode(body).match(new RegExp(`.{1,${width}}`, "g")) ?? [];
  const head = headers.length === 0 ? [] : [...headers, ""];
  return [`-----BEGIN ${label}-----`, ...head, ...lines, `-----END ${label}-----`, ""].join("\n");
}
