import { expectError } from "@nacre/testing/errors";
import { hashChainRandom } from "@nacre/testing/hash-chain-random";
import { vectors } from "@nacre/testing/keyfiles";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hmacSha1 } from "../src/hashed-names.ts";
import { hostKeyChangesWith, keepHostKeysWith } from "../src/host-key-changes.ts";
import { addKnownHost, parseKnownHosts, parsePublicKeyLine } from "../src/index.ts";
import { readKnownHostsLine } from "../src/known-hosts-lines.ts";

const random = hashChainRandom("host key changes");
const keys = vectors.publicKeys.map(({ line }) => parsePublicKeyLine(line).publicKey);
const blobs = keys.map(({ blob }) => blob);
const lineOf = (index: number): string => vectors.publicKeys[index]!.line;

/** Indexes of keys. */
const someKeys = fc.subarray(keys.map((_, index) => index));

describe("changes of a host's keys", () => {
  test("turn any lines of a host into the server's keys, and leave other lines alone", () => {
    fc.assert(
      fc.property(someKeys, someKeys, fc.boolean(), fc.constantFrom(22, 2222), (before, after, isHashed, port) => {
        const options = isHashed ? { hashWith: random } : {};
        const others = "# a comment\nbroken line\n@revoked other.example ssh-rsa !!!\n";
        const text = before.reduce((made, index) => addKnownHost(made, "host", port, blobs[index]!, options), others);
        const all = after.map((index) => blobs[index]!);
        const changes = hostKeyChangesWith(hmacSha1, "HOST", port, all, { name: "known_hosts", text });
        if (typeof changes === "string") throw new Error(changes);
        expect(changes.added).toEqual(after.filter((index) => !before.includes(index)).map((index) => blobs[index]));
        const removed = before.filter((index) => !after.includes(index)).map((index) => blobs[index]);
        expect(changes.removed.map(({ blob }) => blob)).toEqual(removed);

        const kept = keepHostKeysWith(hmacSha1, text, "host", port, all);
        expect(kept.startsWith(others)).toBe(true);
        const now = changes.added.reduce((made, blob) => addKnownHost(made, "host", port, blob, options), kept);
        const found = parseKnownHosts({ name: "known_hosts", text: now }).find("host", port);
        expect(new Set(found.map(({ blob }) => blob))).toEqual(new Set(all));
      }),
      { numRuns: 60 },
    );
  });

  test("keep a file without the host byte for byte", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(keepHostKeysWith(hmacSha1, text, "host.example", 22, [])).toBe(text);
      }),
    );
  });

  test("say which line a person wrote", () => {
    const text = `# a comment\nhost,*.example ${lineOf(0)}\n`;
    expect(hostKeyChangesWith(hmacSha1, "host", 22, blobs, { name: "known_hosts", text })).toBe(
      "known_hosts:2 has a marker, a pattern or several names",
    );
    expectError("usage", () => hostKeyChangesWith(hmacSha1, "a,b", 22, blobs));
  });
});

test("a line that ssh-keygen reads is taken apart without loss", () => {
  const blank = fc.constantFrom(" ", "\t", "  ");
  const name = fc.stringMatching(/^[a-z*?!|.,[\]:0-9]{1,20}$/);
  fc.assert(
    fc.property(name, blank, fc.string(), (names, gap, comment) => {
      const rest = `${lineOf(0).split(" ").slice(0, 2).join(gap)}${gap}${comment.replaceAll("\n", "")}`;
      const read = readKnownHostsLine(`${gap}${names}${gap}${rest}`, hmacSha1);
      expect(read).toMatchObject({ kind: "entry", names, key: rest, format: keys[0]!.format });
    }),
  );
});
