import { describe, expect, it } from "vitest";
import { SFTP_EXTENSIONS } from "../src/index.ts";
import { ScriptedServer } from "./scripted-server.ts";

describe("`isKnownToKeepOrder`", () => {
  const { fstatvfs } = SFTP_EXTENSIONS;
  it.each([
    ["OpenSSH", "SSH-2.0-OpenSSH_9.9", [], true],
    ["Nacre", "SSH-2.0-Nacre_0.1.0", [], true],
    ["OpenSSH's sftp-server behind dropbear", "SSH-2.0-dropbear_2025.89", [fstatvfs], true],
    ["OpenSSH's sftp-server behind an unknown server", undefined, [fstatvfs], true],
    ["AsyncSSH, which announces what OpenSSH does", "SSH-2.0-AsyncSSH_2.20.0", [fstatvfs], false],
    ["paramiko", "SSH-2.0-paramiko_3.5.1", [], false],
    ["a name that contains OpenSSH's", "SSH-2.0-NotOpenSSH_9.9", [], false],
    ["an unknown server", undefined, [], false],
  ] as const)("of %s", (_, serverVersion, extensions, expected) => {
    expect(new ScriptedServer({ serverVersion }).ready(extensions).client.isKnownToKeepOrder).toBe(expected);
  });

  it("is false before the server has announced its extensions", () => {
    expect(new ScriptedServer().client.isKnownToKeepOrder).toBe(false);
  });
});
