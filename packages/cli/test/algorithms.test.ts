import { nodeAlgorithms, nodeServerAlgorithms } from "@nacre/node";
import { describe, expect, test } from "vitest";
import { chooseAlgorithms } from "../src/algorithms.ts";

const NONE = { ciphers: undefined, macs: undefined, kex: undefined };
const names = (list: readonly { readonly name: string }[]): string[] => list.map(({ name }) => name);

describe("the algorithms to offer", () => {
  test("are the defaults, when none are named", () => {
    expect(chooseAlgorithms(NONE, nodeServerAlgorithms)).toEqual(nodeServerAlgorithms);
  });

  test("are those that are named, in their order, each once", () => {
    const { ciphers, macs, kex } = chooseAlgorithms(
      {
        ciphers: ["aes256-ctr", "aes256-gcm@openssh.com", "aes256-ctr"],
        macs: ["hmac-sha2-512"],
        kex: ["curve25519-sha256"],
      },
      nodeAlgorithms,
    );
    expect(names(ciphers)).toEqual(["aes256-ctr", "aes256-gcm@openssh.com"]);
    expect(names(macs)).toEqual(["hmac-sha2-512"]);
    expect(names(kex)).toEqual(["curve25519-sha256"]);
  });

  test("of a server may be others than its defaults", () => {
    const kex = ["ecdh-sha2-nistp256"];
    expect(names(nodeServerAlgorithms.kex)).not.toContain(kex[0]);
    const chosen = chooseAlgorithms({ ...NONE, kex }, nodeServerAlgorithms);
    expect(names(chosen.kex)).toEqual(kex);
    expect(chosen).toEqual({ ...nodeServerAlgorithms, kex: chosen.kex });
  });

  test.each([
    [{ ...NONE, ciphers: ["3des-cbc"] }, 'there is no cipher "3des-cbc"; there are ', nodeAlgorithms.ciphers],
    [{ ...NONE, macs: ["hmac-md5"] }, 'there is no MAC "hmac-md5"; there are ', nodeAlgorithms.macs],
    [{ ...NONE, kex: [""] }, 'there is no key exchange method ""; there are ', nodeAlgorithms.kex],
  ])("that there are not: %j", (chosen, message, available) => {
    expect(() => chooseAlgorithms(chosen, nodeAlgorithms)).toThrow(message + names(available).join(", "));
  });
});
