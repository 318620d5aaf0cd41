import { describe, expect, test } from "vitest";
import { parseKeygenArguments } from "../src/keygen-arguments.ts";

const GENERATE = { action: "generate", bits: undefined, file: undefined, passphrase: undefined, comment: undefined };

describe("the words after nacre keygen", () => {
  test.each<[string[], object]>([
    [["-t", "ed25519"], { ...GENERATE, type: "ed25519" }],
    [["-t", "rsa", "-b", "4096", "-f", "key"], { ...GENERATE, type: "rsa", bits: 4096, file: "key" }],
    [["-tecdsa", "-N", "", "-C", "a b"], { ...GENERATE, type: "ecdsa", passphrase: "", comment: "a b" }],
    [["-l", "-f", "key"], { action: "list", file: "key", picture: false, hash: "sha256" }],
    [["-lv", "-E", "md5", "-f", "key"], { action: "list", file: "key", picture: true, hash: "md5" }],
    [["-lvf", "key"], { action: "list", file: "key", picture: true, hash: "sha256" }],
  ])("%j", (words, expected) => {
    expect(parseKeygenArguments(words)).toEqual(expected);
  });

  test.each<[string[], string]>([
    [[], "name the type of the key with -t: ed25519, rsa, ecdsa"],
    [["-t", "dsa"], 'there is no key type "dsa"'],
    [["-t", "rsa", "-b", "many"], '"many" is no number of bits'],
    [["-t", "rsa", "key"], 'keygen does not know what to do with "key"'],
    [["-t", "rsa", "-v"], "-v goes only with -l"],
    [["-l", "-f", "key", "-N", "x"], "-N does not go with -l"],
    [["-l"], "-l needs the file of a key"],
    [["-l", "-f", "key", "-E", "sha1"], 'there is no hash "sha1"; there are sha256, md5'],
  ])("%j: %s", (words, message) => {
    expect(() => parseKeygenArguments(words)).toThrow(
      expect.objectContaining({ code: "usage", message: expect.stringContaining(message) }),
    );
  });
});
