import { nodeAlgorithms, nodeServerAlgorithms } from "@nacre/node";
import { describe, expect, test } from "vitest";
import { chooseAlgorithms } from "../src/ssh/algorithms.ts";

const NONE = { ciphers: undefined, macs: undefined, kex: undefined };
const names = (list: readonly { readonly name: string }[]): string[] => list.map(({ name }) => name);

describe("chooseAlgorithms", () => {
  test("returns the defaults if no algorithms are named", () => {
    expect(chooseAlgorithms(NONE, nodeServerAlgorithms)).toEqual(nodeServerAlgorithms);
  });

  test("returns the named algorithms in their order, without duplicates", () => {
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

  test("returns named algorithms that are not among the server's defaults", () => {
    const kex = ["ecdh-sha2-nistp256"];
    expect(names(nodeServerAlgorithms.kex)).not.toContain(kex[0]);
    const chosen = chooseAlgorithms({ ...NONE, kex }, nodeServerAlgorithms);
    expect(names(chosen.kex)).toEqual(kex);
    expect(chosen).toEqual({ ...nodeServerAlgorithms, kex: chosen.kex });
  });

  test.each([
    [{ ...NONE, ciphers: ["3des-cbc"] }, 'unknown cipher "3des-cbc"; expected one of ', nodeAlgorithms.ciphers],
    [{ ...NONE, macs: ["hmac-md5"] }, 'unknown MAC "hmac-md5"; expected one of ', nodeAlgorithms.macs],
    [{ ...NONE, kex: [""] }, 'unknown key exchange method ""; expected one of ', nodeAlgorithms.kex],
  ])("rejects unknown algorithms: %j", (chosen, message, available) => {
    expect(() => chooseAlgorithms(chosen, nodeAlgorithms)).toThrow(message + names(available).join(", "));
  });
});
