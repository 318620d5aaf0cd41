import { aes128Ctr, aes256Gcm } from "@nacre/ciphers";
import type { TransportAlgorithms } from "@nacre/transport";
import { defaultAlgorithms, defaultServerAlgorithms } from "nacre/defaults";
import {
  type AlgorithmChanges,
  type AlgorithmPattern,
  algorithmTable,
  findAlgorithms,
  listAlgorithms,
} from "nacre/extend";
import { describe, expect, it } from "vitest";

const client = algorithmTable(defaultAlgorithms, defaultAlgorithms);
const server = algorithmTable(defaultServerAlgorithms, defaultAlgorithms);

/** The table of a program that implements two insecure ciphers. */
const CBC = { ...aes128Ctr, name: "aes128-cbc" };
const DES = { ...aes128Ctr, name: "3des-cbc" };
const withInsecure: TransportAlgorithms = { ...defaultAlgorithms, ciphers: [DES, ...defaultAlgorithms.ciphers, CBC] };
const legacy = algorithmTable(defaultAlgorithms, withInsecure);

const CIPHERS = defaultAlgorithms.ciphers.map(({ name }) => name);
const [CHACHA, GCM128, GCM256, CTR128, CTR192, CTR256] = CIPHERS as [string, string, string, string, string, string];

const names = (pattern: AlgorithmPattern): string[] => findAlgorithms(client.ciphers, pattern).map(({ name }) => name);

const listed = (list?: readonly AlgorithmPattern[] | AlgorithmChanges): string[] =>
  listAlgorithms(client.ciphers, list).algorithms.map(({ name }) => name);

describe("the table of algorithms", () => {
  it.each<[string, unknown]>([
    ["curve25519-sha256", { standing: "default" }],
    ["ecdh-sha2-nistp256", { standing: "opt-in" }],
    ["diffie-hellman-group1-sha1", { standing: "insecure", algorithm: undefined }],
    ["sntrup761x25519-sha512", undefined],
    ["constructor", undefined],
  ])("says of %s what a server does with it", (name, expected) => {
    const [found, ...others] = findAlgorithms(server.kex, name);
    expect(others).toEqual([]);
    if (expected === undefined) expect(found).toBeUndefined();
    else expect(found).toMatchObject({ name, ...(expected as object) });
  });

  it("has every algorithm of both lists once, with its value, and no insecure one in them", () => {
    for (const [table, defaults] of [
      [client, defaultAlgorithms],
      [server, defaultServerAlgorithms],
    ] as const)
      for (const kind of ["kex", "hostKeys", "ciphers", "macs"] as const) {
        const rows: readonly { readonly name: string; readonly standing: string; readonly algorithm: unknown }[] =
          table[kind];
        expect(new Set(rows.map(({ name }) => name)).size).toBe(rows.length);
        const named = (standing: string): unknown[] =>
          rows.filter((row) => row.standing === standing).map(({ algorithm }) => algorithm);
        expect(named("default")).toEqual(defaults[kind]);
        expect(new Set([...named("default"), ...named("opt-in")])).toEqual(new Set<unknown>(defaultAlgorithms[kind]));
        expect(named("insecure").every((algorithm) => algorithm === undefined)).toBe(true);
        expect(named("insecure").length).toBeGreaterThan(2);
      }
  });

  it("has the values of insecure algorithms that the program carries, and never as default or opt-in", () => {
    expect(findAlgorithms(legacy.ciphers, "*-cbc").filter(({ algorithm }) => algorithm !== undefined)).toEqual([
      { name: "aes128-cbc", standing: "insecure", algorithm: CBC },
      { name: "3des-cbc", standing: "insecure", algorithm: DES },
    ]);
    expect(listAlgorithms(legacy.ciphers).algorithms).toEqual(defaultAlgorithms.ciphers);
  });

  it("is searched by name, wildcards or a regular expression", () => {
    expect(names("aes128-ctr")).toEqual([CTR128]);
    expect(names("aes128")).toEqual([]);
    expect(names("aes128.ctr")).toEqual([]);
    expect(names("aes???-ctr")).toEqual([CTR128, CTR192, CTR256]);
    // A global expression remembers where it stopped, which must not matter.
    const global = /-ctr$/g;
    for (let i = 0; i < 2; i++) expect(names(global)).toEqual([CTR128, CTR192, CTR256]);
  });
});

describe("a list of algorithms", () => {
  it.each<[readonly AlgorithmPattern[] | AlgorithmChanges | undefined, readonly string[]]>([
    [undefined, CIPHERS],
    [{}, CIPHERS],
    [
      ["aes256-ctr", "aes128-ctr"],
      [CTR256, CTR128],
    ],
    [
      [/gcm/, "aes*-ctr", "aes128-ctr"],
      [GCM128, GCM256, CTR128, CTR192, CTR256],
    ],
    [{ append: undefined, remove: "aes*" }, [CHACHA]],
    [{ remove: [/-ctr$/, "chacha20*", "unknown"] }, [GCM128, GCM256]],
    [{ remove: "aes*", append: "aes256-ctr" }, [CHACHA, CTR256]],
    [{ append: "aes256-ctr", remove: "aes*" }, [CHACHA]],
    [{ remove: "aes*", prepend: ["aes256-ctr", /gcm/] }, [CTR256, GCM128, GCM256, CHACHA]],
    [{ prepend: "aes256-ctr" }, CIPHERS],
  ])("names algorithms, or changes the default list in the order of its members: %o", (list, expected) => {
    expect(listed(list)).toEqual(expected);
  });

  it("has values to offer", () => {
    expect(listAlgorithms(client.ciphers, ["aes256-gcm@openssh.com"]).algorithms).toEqual([
      defaultAlgorithms.ciphers.find(({ name }) => name === aes256Gcm.name),
    ]);
  });

  it("reports names that are unknown or known by name only, once, and leaves them out", () => {
    for (const list of [
      ["aes128-cbc", "aes128-ctr", "idea-cbc", "aes128-cbc", "*-none"],
      { remove: ["*", "never-there"], append: ["aes128-cbc", "aes128-ctr"], prepend: ["idea-cbc", /none/] },
    ])
      expect(listAlgorithms(client.ciphers, list)).toMatchObject({
        algorithms: [{ name: "aes128-ctr" }],
        insecure: [],
        lacking: ["aes128-cbc", "idea-cbc"],
      });
  });

  it("reports insecure algorithms that it offers, only if they are asked for", () => {
    expect(listAlgorithms(legacy.ciphers).insecure).toEqual([]);
    expect(listAlgorithms(legacy.ciphers, { append: "3des-cbc" })).toEqual({
      algorithms: [...defaultAlgorithms.ciphers, DES],
      insecure: ["3des-cbc"],
      lacking: [],
    });
    expect(listAlgorithms(legacy.ciphers, [/cbc/, "aes128-ctr"]).insecure).toEqual(["aes128-cbc", "3des-cbc"]);
  });

  it("is `usage` for another change", () => {
    expect(() => listAlgorithms(client.ciphers, { apend: "aes128-ctr" } as AlgorithmChanges)).toThrow(
      expect.objectContaining({ code: "usage", message: expect.stringContaining("did you mean `append`?") }),
    );
  });
});
