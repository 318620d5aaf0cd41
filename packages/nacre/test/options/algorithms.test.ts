import { aes128Ctr, hmacSha256 } from "@nacre/ciphers";
import { FakeDuplex } from "@nacre/testing/nacre/fake-duplex";
import { failure } from "@nacre/testing/nacre/outcomes";
import { open, served, visitor, wire } from "@nacre/testing/nacre/wire";
import { algorithms } from "@nacre/testing/protocol/pair";
import { connect, serve } from "nacre";
import { connect as connectWith, serve as serveWith } from "nacre/core";
import { defaultAlgorithms, defaultServerAlgorithms } from "nacre/defaults";
import { describe, expect, it } from "vitest";
import { type AlgorithmOptions, chooseAlgorithms } from "../../src/options/algorithms.ts";

const usage = (words: string): object =>
  expect.objectContaining({ code: "usage", message: expect.stringContaining(words) });

const namesOf = (list: readonly { readonly name: string }[]): string[] => list.map(({ name }) => name);
const CIPHERS = namesOf(defaultAlgorithms.ciphers);
const [CHACHA, GCM128, GCM256, CTR128, CTR192, CTR256] = CIPHERS as [string, string, string, string, string, string];

const ciphers = (list: AlgorithmOptions["ciphers"]): string[] =>
  namesOf(chooseAlgorithms({ ciphers: list }, defaultAlgorithms).ciphers);

describe("algorithms by name", () => {
  it.each<[string, string[]]>([
    ["aes256-ctr,aes128-ctr", [CTR256, CTR128]],
    ["aes128-ctr, aes128-ctr", [CTR128]],
    ["aes???-ctr", [CTR128, CTR192, CTR256]],
    ["^aes256-ctr", [CTR256, CHACHA, GCM128, GCM256, CTR128, CTR192]],
    ["^*-ctr", [CTR128, CTR192, CTR256, CHACHA, GCM128, GCM256]],
    ["-*-ctr,chacha20*", [GCM128, GCM256]],
    ["-*-cbc", CIPHERS],
    ["+aes256-ctr", CIPHERS],
  ])("are chosen as in ssh_config: %s", (text, expected) => {
    expect(ciphers(text)).toEqual(expected);
  });

  it("follow the defaults after a +, if the program carries them", () => {
    const { kex, macs } = chooseAlgorithms(
      { kex: "+ecdh-*", macs: "+hmac-sha2-256" },
      defaultServerAlgorithms,
      defaultAlgorithms,
    );
    const added = ["ecdh-sha2-nistp256", "ecdh-sha2-nistp384", "ecdh-sha2-nistp521"];
    expect(namesOf(kex)).toEqual([...namesOf(defaultServerAlgorithms.kex), ...added]);
    expect(namesOf(macs)).toEqual([...namesOf(defaultServerAlgorithms.macs), "hmac-sha2-256"]);
  });

  it("may be in a list, also beside algorithms", () => {
    expect(ciphers(["aes256-ctr", aes128Ctr, "aes128-ctr"])).toEqual([CTR256, CTR128]);
    expect(chooseAlgorithms({ macs: [hmacSha256] }, defaultAlgorithms).macs).toEqual([hmacSha256]);
  });

  it("keep the lists that are not given", () => {
    expect(chooseAlgorithms({}, defaultAlgorithms)).toEqual(defaultAlgorithms);
    expect(chooseAlgorithms({ macs: undefined, ciphers: "aes128-ctr" }, defaultAlgorithms)).toEqual({
      ...defaultAlgorithms,
      ciphers: [aes128Ctr],
    });
  });

  it.each<[AlgorithmOptions, string]>([
    [{ ciphers: "aes128-cbc" }, '`algorithms.ciphers` has an unknown name "aes128-cbc"; expected chacha20-poly1305@'],
    [{ ciphers: "-aes128-cbc" }, "unknown name"],
    [{ ciphers: "aes128-ctr," }, 'unknown name ""'],
    [{ ciphers: "" }, 'unknown name ""'],
    [{ ciphers: ["aes128-cbc"] }, "unknown name"],
    [{ kex: "x\u001b[2J" }, 'unknown name "x\\x1b[2J"'],
    [{ ciphers: "aes128.ctr" }, "unknown name"],
  ])("are `usage` if they are unknown: %o", (options, words) => {
    expect(() => chooseAlgorithms(options, defaultAlgorithms)).toThrow(usage(words));
  });

  it("may leave no MAC, which AEAD ciphers do without", () => {
    expect(chooseAlgorithms({ macs: "-*" }, defaultAlgorithms).macs).toEqual([]);
  });
});

describe("the option `algorithms` of `connect` and `serve`", () => {
  it("takes names on both sides", async () => {
    const { client } = await served(
      { session: () => 0, algorithms: { kex: "curve25519-sha256", macs: ["hmac-sha2-512-etm@openssh.com"] } },
      { algorithms: { ciphers: "^aes192-ctr", macs: "^hmac-sha2-512-etm@openssh.com" } },
    );
    const { kex, clientToServer } = client.info.negotiated;
    expect([kex.name, clientToServer.cipher.name, clientToServer.mac?.name]).toEqual([
      "curve25519-sha256",
      "aes192-ctr",
      "hmac-sha2-512-etm@openssh.com",
    ]);
    await client.close();
  });

  it.each<[object, string]>([
    [{ ciphers: "aes128-cbc" }, "unknown name"],
    [{ cipher: "aes128-ctr" }, "`cipher` is not an option of `algorithms`; did you mean `ciphers`?"],
    [{ serverHostKey: [] }, "did you mean `hostKeys`?"],
    [{ hmac: [] }, "did you mean `macs`?"],
    [{ kex: 7 }, "`kex` of `algorithms` must be string or array, got number"],
    [{ kex: [7] }, "`algorithms.kex` must be a text, or a list of names and algorithms"],
  ])("refuses others, and leaves the streams untouched: %o", async (wrong, words) => {
    const { near, far } = wire();
    expect(await failure(connect(near, { ...visitor, algorithms: wrong }))).toEqual(usage(words));
    expect(() => serve(far, { ...open, algorithms: wrong })).toThrow(usage(words));
    expect([near, far].some(({ readable, writable }) => readable.locked || writable.locked)).toBe(false);
  });

  it("takes values only in `nacre/core`, and says so", async () => {
    const words = "`algorithms.ciphers` must be a list of algorithms; `nacre/core` takes no names";
    for (const list of ["aes128-ctr", ["aes128-ctr"], undefined]) {
      const wrong = { ...algorithms, ciphers: list } as unknown as typeof algorithms;
      const duplex = new FakeDuplex();
      expect(await failure(connectWith(duplex, { ...visitor, algorithms: wrong }))).toEqual(usage(words));
      expect(() => serveWith(duplex, { ...open, algorithms: wrong })).toThrow(usage(words));
    }
  });
});
