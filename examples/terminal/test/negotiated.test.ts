import { expect, test } from "vitest";
import { negotiatedRows } from "../page/negotiated.ts";

test("negotiatedRows names the algorithms and marks a post-quantum key exchange", () =>
  expect(
    negotiatedRows(
      "kex=mlkem768x25519-sha256 hostkey=ssh-ed25519 cipher=chacha20-poly1305@openssh.com mac=(in the cipher) strict",
    ),
  ).toEqual([
    { title: "Key exchange", value: "mlkem768x25519-sha256", remark: "post-quantum" },
    { title: "Host key", value: "ssh-ed25519", remark: undefined },
    { title: "Cipher", value: "chacha20-poly1305@openssh.com", remark: undefined },
    { title: "MAC", value: "(in the cipher)", remark: undefined },
    { title: "Strict kex", value: "yes" },
  ]));

test("negotiatedRows shows a connection without strict key exchange and with different directions", () =>
  expect(
    negotiatedRows(
      "kex=curve25519-sha256 hostkey=rsa-sha2-512 cipher=aes128-ctr / aes256-ctr mac=hmac-sha2-256 not strict",
    ),
  ).toEqual([
    { title: "Key exchange", value: "curve25519-sha256", remark: undefined },
    { title: "Host key", value: "rsa-sha2-512", remark: undefined },
    { title: "Cipher", value: "aes128-ctr / aes256-ctr", remark: undefined },
    { title: "MAC", value: "hmac-sha2-256", remark: undefined },
    { title: "Strict kex", value: "no" },
  ]));
