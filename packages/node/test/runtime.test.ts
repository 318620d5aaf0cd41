import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { clientAlgorithms, serverAlgorithms } from "../src/crypto/algorithms.ts";
import { type CryptoLibrary, cryptoLibraryOf } from "../src/crypto/runtime.ts";
import { accountIn } from "../src/keys/account.ts";

const LIBRARIES: readonly CryptoLibrary[] = ["openssl", "boringssl", "deno"];

test("cryptoLibraryOf determines the library from the runtime's properties", () => {
  const features = { openssl_is_boringssl: true };
  expect(cryptoLibraryOf({ versions: { node: "26.3.0", deno: "2.9.6" }, features })).toBe("deno");
  expect(cryptoLibraryOf({ versions: { node: "26.3.0", bun: "1.4.5" }, features })).toBe("boringssl");
  expect(cryptoLibraryOf({ versions: { node: "20.20.2" }, features: {} })).toBe("openssl");
  expect(cryptoLibraryOf({ versions: { node: "26.3.0" }, features: { openssl_is_boringssl: false } })).toBe("openssl");
});

function names(list: readonly { readonly name: string }[]): string[] {
  return list.map(({ name }) => name);
}

describe("the default algorithms", () => {
  test("start with AES-GCM, but on Deno with chacha20-poly1305", () => {
    const first = LIBRARIES.map((on) =>
      [clientAlgorithms(on), serverAlgorithms(on)].map(({ ciphers }) => ciphers[0]!.name),
    );
    const [gcm, chacha] = ["aes128-gcm@openssh.com", "chacha20-poly1305@openssh.com"];
    expect(first).toEqual([
      [gcm, gcm],
      [gcm, gcm],
      [chacha, chacha],
    ]);
  });

  test("are the same for every library, except that BoringSSL lacks finite-field groups", () => {
    const everything = clientAlgorithms("openssl");
    for (const on of LIBRARIES)
      for (const kind of ["kex", "hostKeys", "ciphers", "macs"] as const) {
        const expected = names(everything[kind]).filter(
          (name) => on !== "boringssl" || !name.startsWith("diffie-hellman-"),
        );
        expect(names(clientAlgorithms(on)[kind]).toSorted(), `${on} ${kind}`).toEqual(expected.toSorted());
      }
    expect(names(everything.kex).filter((name) => name.startsWith("diffie-hellman-"))).toHaveLength(3);
  });
});

describe("the account on Bun, where userInfo returns the environment", () => {
  const PASSWD = [
    "root:x:0:0:root:/root:/bin/bash",
    "",
    "# a comment",
    "toor:x:0:0:another root:/elsewhere:/bin/sh",
    "alice:x:1000:1000:Alice,,,:/home/alice:",
    "broken:x:1001",
  ].join("\n");

  test("is the first entry with its user id", () => {
    expect(accountIn(PASSWD, 0)).toEqual({ username: "root", homedir: "/root", shell: "/bin/bash" });
    expect(accountIn(PASSWD, 1000)).toEqual({ username: "alice", homedir: "/home/alice", shell: "" });
    for (const uid of [1, 100, 1001]) expect(accountIn(PASSWD, uid)).toBeUndefined();
  });

  beforeEach(() => {
    vi.resetModules();
    vi.doMock("../src/crypto/runtime.ts", () => ({ isBun: true }));
    vi.doMock("node:os", async (original) => ({
      ...(await original<typeof import("node:os")>()),
      userInfo: () => ({ username: process.env.USER ?? "unknown", homedir: process.env.HOME, shell: null }),
    }));
    vi.doMock("node:fs", async (original) => ({
      ...(await original<typeof import("node:fs")>()),
      readFileSync: (path: string) => (path === "/etc/passwd" ? PASSWD : ""),
    }));
    vi.stubEnv("USER", "mallory");
    vi.stubEnv("HOME", "/tmp");
  });
  afterEach(() => {
    vi.doUnmock("../src/runtime.ts");
    vi.doUnmock("node:os");
    vi.doUnmock("node:fs");
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
  });

  test("is read from the password database", async () => {
    vi.spyOn(process, "getuid").mockReturnValue(1000);
    const { account } = await import("../src/keys/account.ts");
    expect(account()).toEqual({ username: "alice", homedir: "/home/alice", shell: "" });
  });

  test("falls back to userInfo if the database has no entry", async () => {
    vi.spyOn(process, "getuid").mockReturnValue(4711);
    const { account } = await import("../src/keys/account.ts");
    expect(account().username).toBe("mallory");
  });
});
