import { describe, expect, test } from "vitest";
import { parseKeygenArguments } from "../src/keygen/keygen-arguments.ts";

const GENERATE = { action: "generate", bits: undefined, file: undefined, passphrase: undefined, comment: undefined };

describe("parseKeygenArguments", () => {
  test.each<[string[], object]>([
    [["-t", "ed25519"], { ...GENERATE, type: "ed25519" }],
    [["-t", "rsa", "-b", "4096", "-f", "key"], { ...GENERATE, type: "rsa", bits: 4096, file: "key" }],
    [["-tecdsa", "-N", "", "-C", "a b"], { ...GENERATE, type: "ecdsa", passphrase: "", comment: "a b" }],
    [["-l", "-f", "key"], { action: "list", file: "key", picture: false, hash: "sha256" }],
    [["-lv", "-E", "md5", "-f", "key"], { action: "list", file: "key", picture: true, hash: "md5" }],
    [["-lvf", "key"], { action: "list", file: "key", picture: true, hash: "sha256" }],
  ])("parses %j", (words, expected) => {
    expect(parseKeygenArguments(words)).toEqual(expected);
  });

  test.each<[string[], string]>([
    [[], "missing key type; give -t with one of ed25519, rsa, ecdsa"],
    [["-t", "dsa"], 'unknown key type "dsa"; expected one of ed25519, rsa, ecdsa'],
    [["-t", "rsa", "-b", "many"], 'invalid key size "many"'],
    [["-t", "rsa", "key"], 'unexpected argument "key"'],
    [["-t", "rsa", "-v"], "-v can only be used with -l"],
    [["-l", "-f", "key", "-N", "x"], "-N cannot be combined with -l"],
    [["-l"], "missing key file for -l"],
    [["-l", "-f", "key", "-E", "sha1"], 'unknown hash "sha1"; expected sha256 or md5'],
  ])("rejects %j: %s", (words, message) => {
    expect(() => parseKeygenArguments(words)).toThrow(
      expect.objectContaining({ code: "usage", message: expect.stringContaining(message) }),
    );
  });
});
