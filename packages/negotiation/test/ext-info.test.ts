import { PING_EXTENSION, serverSigAlgs, serverSigAlgsExtension } from "@nacre/negotiation";
import { utf8Encode } from "@nacre/wire";
import { expect, test } from "vitest";

test("serverSigAlgs returns the names of serverSigAlgsExtension", () => {
  for (const names of [["rsa-sha2-512", "ssh-ed25519"], ["x"], []]) {
    expect(serverSigAlgs([PING_EXTENSION, serverSigAlgsExtension(names)])).toEqual(names);
  }
  expect(serverSigAlgsExtension(["a", "b"])).toEqual({ name: "server-sig-algs", value: utf8Encode("a,b") });
});

test("serverSigAlgs returns undefined without the extension", () => {
  expect(serverSigAlgs([])).toBeUndefined();
  expect(serverSigAlgs([PING_EXTENSION])).toBeUndefined();
});

test.each(["a,,b", ",", "a b", "a\n", "é"])("serverSigAlgs rejects %j", (value) => {
  expect(() => serverSigAlgs([{ name: "server-sig-algs", value: utf8Encode(value) }])).toThrow(
    expect.objectContaining({ code: "malformed-message" }),
  );
});
