import { expect, test, vi } from "vitest";
import { query } from "../src/ssh/query.ts";

/** Returns the lines that a query prints. */
function lines(kind: string): string[] {
  const write = vi.spyOn(process.stdout, "write").mockReturnValue(true);
  try {
    expect(query(kind)).toBe(0);
    return write.mock.calls.join("").split("\n").filter(Boolean);
  } finally {
    write.mockRestore();
  }
}

test.each([
  ["cipher", "aes256-gcm@openssh.com"],
  ["Ciphers", "aes256-ctr"],
  ["cipher-auth", "chacha20-poly1305@openssh.com"],
  ["mac", "hmac-sha2-256"],
  ["kex", "curve25519-sha256"],
  ["key", "ssh-ed25519"],
  ["key-plain", "ecdsa-sha2-nistp256"],
  ["HostKeyAlgorithms", "rsa-sha2-512"],
  ["sig", "rsa-sha2-256"],
  ["compression", "none"],
  ["protocol-version", "2"],
  ["help", "key-cert"],
])("-Q %s names %s", (kind, name) => {
  expect(lines(kind)).toContain(name);
});

test("every query of -Q help has an answer", () => {
  for (const kind of lines("help")) lines(kind);
});

test.each(["nosuch", "__proto__", ""])("-Q %j is an error in the words of ssh", (kind) => {
  const write = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  expect(query(kind)).toBe(255);
  expect(write.mock.calls[0]).toEqual([`nacre: Unsupported query "${kind}"\n`]);
  write.mockRestore();
});
