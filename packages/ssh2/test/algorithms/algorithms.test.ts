import { createRequire } from "node:module";
import { nodeAlgorithms, nodeServerAlgorithms } from "@nacre/node";
import type { KnownAlgorithm } from "nacre/extend";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { chooseAlgorithms } from "../../src/algorithm-list.ts";
import { negotiatedOf, readAlgorithms, type Ssh2Algorithms } from "../../src/algorithms.ts";
import { algorithmConstants } from "../../src/constants.ts";

const emitWarning = vi.spyOn(process, "emitWarning").mockImplementation(() => {});

beforeEach(() => {
  emitWarning.mockClear();
});

function warnings(): readonly string[] {
  return emitWarning.mock.calls.map(([text, options]) => `${(options as { code: string }).code}: ${String(text)}`);
}

function read(given: unknown, role: "client" | "server" = "client"): ReturnType<typeof readAlgorithms> {
  return readAlgorithms(given as Ssh2Algorithms, role);
}

function listNames(list: readonly { readonly name: string }[]): readonly string[] {
  return list.map(({ name }) => name);
}

/** Returns the names of the algorithms that `read` returns. */
function namesOf(given: unknown): Readonly<Record<keyof ReturnType<typeof read>["algorithms"], readonly string[]>> {
  const { kex, hostKeys, ciphers, macs } = read(given).algorithms;
  return { kex: listNames(kex), hostKeys: listNames(hostKeys), ciphers: listNames(ciphers), macs: listNames(macs) };
}

type Generate = (list: unknown, defaults: readonly string[], supported: readonly string[]) => readonly string[];
const { generateAlgorithmList } = createRequire(import.meta.url)("ssh2/lib/utils.js") as {
  generateAlgorithmList: Generate;
};

/** Returns the names, or the text of the error. */
function attempt(choose: () => readonly string[]): unknown {
  try {
    return choose();
  } catch (error) {
    return `error: ${(error as Error).message}`;
  }
}

describe("lists", () => {
  const known: readonly KnownAlgorithm<string>[] = [
    ...["a1", "a2", "b1"].map((name) => ({ name, standing: "default" as const, algorithm: name })),
    ...["b2", "c1", "c2"].map((name) => ({ name, standing: "opt-in" as const, algorithm: name })),
  ];
  const lists: readonly unknown[] = [
    undefined,
    null,
    "a1",
    7,
    [],
    ["c1", "a1"],
    ["c1", "x"],
    ["x"],
    [/a/],
    [""],
    {},
    { append: "c1" },
    { append: ["c2", "a1", "c1"] },
    { append: /c|a1/ },
    { append: [/2$/g, "c1"] },
    { append: ["x"] },
    { append: ["", 7, null, undefined] },
    { prepend: "c1" },
    { prepend: ["c2", "a2", "c1"] },
    { prepend: /[bc]/ },
    { prepend: ["x"] },
    { prepend: [/c/, "b2"] },
    { remove: "a1" },
    { remove: ["a1", "x", "", 7] },
    { remove: /a/ },
    { remove: [/1$/g, "a2"], append: "a1" },
    { append: "c1", remove: /c/ },
    { remove: /c/, append: "c1" },
    { prepend: "b2", append: "b2" },
    { unknown: "a1", append: "c1" },
  ];

  test.each(lists.map((list) => [list]))("make what ssh2 makes of them: %o", (list) => {
    const supported = known.map(({ name }) => name);
    const theirs = attempt(() => generateAlgorithmList(list, supported.slice(0, 3), supported));
    expect(attempt(() => chooseAlgorithms("kex", known, list).map(({ name }) => name))).toEqual(theirs);
    expect(warnings()).toEqual([]);
  });

  test("offers an insecure algorithm that is named, and warns once", () => {
    const weak: KnownAlgorithm<string> = { name: "weak-1", standing: "insecure", algorithm: "weak-1" };
    for (const list of [["a1", "weak-1"], { append: "weak-1" }, { append: /weak/ }])
      expect(chooseAlgorithms("hmac", [...known, weak], list)).toContain(weak);
    expect(chooseAlgorithms("hmac", [...known, weak], undefined)).not.toContain(weak);
    expect(warnings()).toEqual([
      'NACRE_SSH2_INSECURE_ALGORITHM: the algorithm "weak-1" of `algorithms.hmac` is insecure; remove it when the peer supports another',
    ]);
  });

  test("throws if nothing is left", () => {
    expect(() => chooseAlgorithms("kex", known, { remove: /./ })).toThrow(
      "algorithms.kex is empty; name at least one algorithm",
    );
  });
});

describe("readAlgorithms", () => {
  test("offers Nacre's defaults: ML-KEM first, nothing with SHA-1, no certificates", () => {
    const { algorithms } = read(undefined);
    const names = namesOf(undefined);
    expect(names.kex[0]).toBe("mlkem768x25519-sha256");
    expect(algorithms.kex).toEqual(nodeAlgorithms.kex);
    expect(algorithms.ciphers).toEqual(nodeAlgorithms.ciphers);
    expect(algorithms.macs).toEqual(nodeAlgorithms.macs);
    expect(JSON.stringify(names)).not.toMatch(/sha1\b|ssh-rsa|cert/);
    expect(read({}, "server").algorithms.kex).toEqual(nodeServerAlgorithms.kex);
    expect(namesOf(null)).toEqual(names);
    expect(warnings()).toEqual([]);
  });

  test("leaves out what ssh2 has and Nacre lacks, with one warning for each name", () => {
    const given = {
      kex: ["curve25519-sha256", "diffie-hellman-group1-sha1"],
      serverHostKey: ["ssh-rsa", "rsa-sha2-512"],
      cipher: { append: ["3des-cbc"] },
      hmac: { prepend: "hmac-md5" },
      compress: ["zlib@openssh.com", "none", "zlib"],
    };
    const names = namesOf(given);
    read(given, "server");
    expect(names).toEqual({ ...namesOf({}), kex: ["curve25519-sha256"], hostKeys: ["rsa-sha2-512"] });
    expect(warnings().map((text) => /"(.*?)"/.exec(text)?.[1])).toEqual([
      "diffie-hellman-group1-sha1",
      "ssh-rsa",
      "3des-cbc",
      "hmac-md5",
      "zlib@openssh.com",
      "zlib",
    ]);
    expect(warnings()[0]).toMatch(/^NACRE_SSH2_UNKNOWN_ALGORITHM: /);
  });

  test.each([
    [{ kex: ["diffie-hellman-group1-sha1", "diffie-hellman-group14-sha1"] }, "diffie-hellman-group1-sha1"],
    [{ serverHostKey: ["ssh-dss"] }, "ssh-dss"],
    [{ compress: ["zlib"] }, "zlib"],
    [{ cipher: ["aes128-ctr", "aes129-ctr"] }, "aes129-ctr"],
    [{ hmac: { append: "hmac-sha3" } }, "hmac-sha3"],
    [{ cipher: "aes128-ctr", kex: [1] }, "1"],
  ])("%o throws `Unsupported algorithm: %s`", (given, name) => {
    expect(() => read(given)).toThrow(`Unsupported algorithm: ${name}`);
  });

  test("takes ssh2's short names of ciphers for OpenSSH's", () => {
    expect(namesOf({ cipher: ["aes256-gcm", "aes128-gcm", "aes256-gcm@openssh.com"] }).ciphers).toEqual([
      "aes256-gcm@openssh.com",
      "aes128-gcm@openssh.com",
    ]);
    expect(namesOf({ cipher: { append: "aes128-gcm" } }).ciphers).toEqual(namesOf({}).ciphers);
    expect(warnings()).toEqual([]);
  });

  test("takes certificates of host keys by name", () => {
    const name = "ssh-ed25519-cert-v01@openssh.com";
    const named = read({ serverHostKey: { prepend: name } });
    expect([named.algorithms.hostKeys[0]?.name, named.hostCertificates]).toEqual([name, []]);
    const { algorithms, hostCertificates } = read({});
    expect(hostCertificates.map((one) => one.name)).toContain(name);
    expect(algorithms.hostKeys.filter((one) => hostCertificates.includes(one))).toEqual([]);
  });
});

test("negotiatedOf returns the value of the event handshake", () => {
  const { algorithms } = read({ cipher: ["aes128-ctr", "aes256-gcm@openssh.com"] });
  const [cipher, aead] = algorithms.ciphers;
  const negotiated = {
    kex: algorithms.kex[0]!,
    hostKey: algorithms.hostKeys[0]!,
    clientToServer: { cipher: cipher!, mac: algorithms.macs[0], compression: "none" as const },
    serverToClient: { cipher: aead!, mac: undefined, compression: "none" as const },
  };
  expect(negotiatedOf(negotiated)).toEqual({
    kex: "mlkem768x25519-sha256",
    serverHostKey: "ssh-ed25519",
    cs: { cipher: "aes128-ctr", mac: "hmac-sha2-256-etm@openssh.com", compress: "none", lang: "" },
    sc: { cipher: "aes256-gcm@openssh.com", mac: "", compress: "none", lang: "" },
  });
});

describe("constants", () => {
  test("have ssh2's names and numbers", async () => {
    const constants = (await import("../../src/constants.ts")).constants();
    const theirs = createRequire(import.meta.url)("ssh2/lib/protocol/constants.js") as Record<string, unknown>;
    expect(Object.keys(constants).toSorted()).toEqual(Object.keys(theirs).toSorted());
    // Lists of algorithms tell what this package supports; it needs no workarounds for old servers.
    const own = /^(DEFAULT|SUPPORTED)_|^COMPAT_CHECKS$/;
    for (const [name, value] of Object.entries(theirs))
      if (!own.test(name)) expect([name, constants[name]]).toEqual([name, value]);
  });

  test("list the algorithms that can be offered", () => {
    const lists = algorithmConstants();
    const all = {
      kex: lists.SUPPORTED_KEX,
      serverHostKey: lists.SUPPORTED_SERVER_HOST_KEY,
      cipher: lists.SUPPORTED_CIPHER,
      hmac: lists.SUPPORTED_MAC,
      compress: lists.SUPPORTED_COMPRESSION,
    };
    expect(namesOf(all).hostKeys).toEqual(lists.SUPPORTED_SERVER_HOST_KEY);
    expect(namesOf({}).ciphers).toEqual(lists.DEFAULT_CIPHER);
    expect(lists.DEFAULT_KEX[0]).toBe("mlkem768x25519-sha256");
    expect(warnings()).toEqual([]);
  });
});
