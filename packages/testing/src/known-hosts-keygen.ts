import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Keys for known_hosts files. The first is an Ed25519 key, the second an ECDSA key. */
const ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDDCFcz/iilJxCU74lLBdrpYRy+r4LnjimDvWHwYmlIj";
const ECDSA =
  "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBKo9PswFioN6SwpotG+oekmMKp3P3qk3eR6wcrwkTwks7JEAqhW/RtOXfUtF7jdeuY0gm9wySsLMg7y+95LCH4o=";

const GOOD = `# a comment
example.org,192.0.2.1 ${ED25519} a  comment

Other.org   ${ECDSA}
*.wild.org,!x.wild.org ${ECDSA} wild
@revoked example.org ${ECDSA} rev
@cert-authority *.example.org,example.org ${ED25519}
[example.org]:2222	${ECDSA}	tab	bed
  lead.org ${ED25519} caf\u00e9
a.org,,b.org ${ED25519} # hash
x.org ${ED25519} crlf\r
`;

const BAD = `x.org
x.org ssh-ed25519
x.org ssh-future AAAA
x.org ssh-ed25519 !!!
@bad x.org ${ED25519}
|1|a|b ${ED25519}
x.org 1024 35 1234
@revoked
@revoked @cert-authority x.org ${ED25519}
x.org rsa-sha2-256 AAAA
x.org ${ED25519}`;

/** A call of `ssh-keygen -F`, `-H` or `-R`: the contents of the file, and the words except `-f FILE`. */
export const KEYGEN_CASES: readonly (readonly [text: string, words: readonly string[]])[] = [
  ...["example.org", "EXAMPLE.org", "192.0.2.1", "other.org", "a.wild.org", "x.wild.org", "[example.org]:2222"].flatMap(
    (host) => [
      ["-F", host],
      ["-lF", host],
      ["-lv", "-F", host],
      ["-l", "-E", "md5", "-F", host],
      ["-qF", host],
    ],
  ),
  ...["lead.org", "b.org", "x.org", "nowhere", ""].flatMap((host) => [
    ["-F", host],
    ["-R", host],
  ]),
  ...["example.org", "OTHER.ORG", "a.wild.org"].flatMap((host) => [
    ["-R", host],
    ["-q", "-R", host],
  ]),
  ["-H"],
  ["-HF", "example.org"],
  ["-HF", "a.wild.org"],
  ["-HF", "x.org"],
]
  .map((words): [string, string[]] => [GOOD, words])
  .concat([["-F", "x.org"], ["-lF", "x.org"], ["-R", "x.org"], ["-H"]].map((words) => [BAD, words]));

/** What a call printed and left. `FILE` stands for the file's path, and `HASHED` for a hashed name, whose salt is random. */
export interface KeygenOutcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Contents of the file, as Latin-1. */
  readonly file: string;
  readonly mode: number;
  /** Contents of FILE.old, if it exists. */
  readonly old?: string;
}

/** Runs a call on a new file with this text. `run` gets the words, and returns its status and what it printed. */
export async function keygenOutcome(
  text: string,
  words: readonly string[],
  run: (words: readonly string[]) => Promise<Pick<KeygenOutcome, "status" | "stdout" | "stderr">>,
): Promise<KeygenOutcome> {
  const folder = mkdtempSync(join(tmpdir(), "nacre-known-hosts-"));
  try {
    const file = join(folder, "known_hosts");
    writeFileSync(file, text, { mode: 0o644 });
    const { status, stdout, stderr } = await run([...words, "-f", file]);
    const shown = (printed: string): string =>
      printed
        .replaceAll(file, "FILE")
        .replaceAll("\r\n", "\n")
        .replace(/^\|1\|[\w+/]{27}=\|[\w+/]{27}=/gm, "HASHED");
    return {
      status,
      stdout: shown(stdout),
      stderr: shown(stderr),
      file: shown(readFileSync(file, "latin1")),
      mode: statSync(file).mode & 0o777,
      ...(existsSync(`${file}.old`) && { old: readFileSync(`${file}.old`, "latin1") }),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
