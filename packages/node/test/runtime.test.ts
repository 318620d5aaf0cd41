import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { accountIn } from "../src/account.ts";
import { clientAlgorithms, serverAlgorithms } from "../src/crypto/algorithms.ts";
import { type Runtime, runtimeOf } from "../src/runtime.ts";

const RUNTIMES: readonly Runtime[] = ["node", "deno", "bun"];

test("a runtime is told by the versions that it reports", () => {
  expect(runtimeOf({ node: "26.3.0", v8: "15.0", deno: "2.9.6" })).toBe("deno");
  expect(runtimeOf({ node: "26.3.0", bun: "1.4.5" })).toBe("bun");
  expect(runtimeOf({ node: "20.20.2", v8: "11.3" })).toBe("node");
  expect(runtimeOf({ node: "24.1.0", electron: "40.0.0" })).toBe("node");
});

describe("the algorithms of a runtime", () => {
  const names = (list: readonly { readonly name: string }[]): string[] => list.map(({ name }) => name);

  test("AES-GCM comes first, but on Deno chacha20-poly1305", () => {
    const first = RUNTIMES.map((on) =>
      [clientAlgorithms(on), serverAlgorithms(on)].map(({ ciphers }) => ciphers[0]!.name),
    );
    const [gcm, chacha] = ["aes128-gcm@openssh.com", "chacha20-poly1305@openssh.com"];
    expect(first).toEqual([
      [gcm, gcm],
      [chacha, chacha],
      [gcm, gcm],
    ]);
  });

  test("are the same everywhere, but for the finite-field groups, which Bun does not offer", () => {
    const everything = clientAlgorithms("node");
    for (const on of RUNTIMES)
      for (const kind of ["kex", "hostKeys", "ciphers", "macs"] as const) {
        const expected = names(everything[kind]).filter((name) => on !== "bun" || !name.startsWith("diffie-hellman-"));
        expect(names(clientAlgorithms(on)[kind]).toSorted(), `${on} ${kind}`).toEqual(expected.toSorted());
      }
    expect(names(everything.kex).filter((name) => name.startsWith("diffie-hellman-"))).toHaveLength(3);
  });
});

describe("the account on Bun, whose userInfo tells the environment", () => {
  const PASSWD = [
    "root:x:0:0:root:/root:/bin/bash",
    "",
    "# a comment",
    "toor:x:0:0:another root:/elsewhere:/bin/sh",
    "alice:x:1000:1000:Alice,,,:/home/alice:",
    "broken:x:1001",
  ].join("\n");

  test("is the first entry of its number", () => {
    expect(accountIn(PASSWD, 0)).toEqual({ username: "root", homedir: "/root", shell: "/bin/bash" });
    expect(accountIn(PASSWD, 1000)).toEqual({ username: "alice", homedir: "/home/alice", shell: "" });
    for (const uid of [1, 100, 1001]) expect(accountIn(PASSWD, uid)).toBeUndefined();
  });

  beforeEach(() => {
    vi.resetModules();
    vi.doMock("../src/runtime.ts", () => ({ runtime: "bun" }));
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
    const { account } = await import("../src/account.ts");
    expect(account()).toEqual({ username: "alice", homedir: "/home/alice", shell: "" });
  });

  test("is what userInfo tells where the database has no entry", async () => {
    vi.spyOn(process, "getuid").mockReturnValue(4711);
    const { account } = await import("../src/account.ts");
    expect(account().username).toBe("mallory");
  });
});
