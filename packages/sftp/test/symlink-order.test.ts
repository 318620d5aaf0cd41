import { describe, expect, it } from "vitest";
import { encodePath, SFTP_EXTENSIONS, type SftpRequest, SSH_FX, symlinkOrderOf } from "../src/index.ts";
import { ScriptedClient } from "./scripted-client.ts";
import { ScriptedServer } from "./scripted-server.ts";

const [TARGET, LINK] = [encodePath("target"), encodePath("/link")];
const SYMLINK: SftpRequest = { type: "symlink", targetPath: TARGET, linkPath: LINK };
const EXCHANGED: SftpRequest = { type: "symlink", targetPath: LINK, linkPath: TARGET };

describe("the order of the paths in SSH_FXP_SYMLINK", () => {
  it.each([
    [undefined, "target-first"],
    ["SSH-2.0-OpenSSH_10.0p2 Debian-7", "target-first"],
    ["SSH-2.0-libssh2_1.11.1", "target-first"],
    ["SSH-2.0-paramiko_3.5.1", "target-first"],
    ["SSH-2.0-Go", "target-first"],
    ["SSH-2.0-Nacre_0.1.0", "target-first"],
    ["SSH-2.0-AsyncSSH_2.20.0", "link-first"],
    ["SSH-2.0-ssh2js1.17.0", "link-first"],
    ["SSH-2.0-libssh_0.11.2", "link-first"],
    ["SSH-2.0-Erlang/5.2.11.1", "link-first"],
    ["SSH-2.0-Twisted_24.11.0", "link-first"],
    ["SSH-2.0-Twisted", "link-first"],
    ["SSH-2.0-phpseclib_3.0 (openssl)", "link-first"],
    ["SSH-2.0-x AsyncSSH_", "target-first"],
  ] as const)("of %s is %s", (peerVersion, expected) => {
    expect(symlinkOrderOf(peerVersion)).toBe(expected);
  });

  const { posixRename, hardlink, statvfs, fstatvfs } = SFTP_EXTENSIONS;
  const ofLibssh = [posixRename, hardlink, statvfs];
  it.each([
    ["an unknown server", undefined, ofLibssh, SYMLINK],
    ["OpenSSH", "SSH-2.0-OpenSSH_10.0", [...ofLibssh, fstatvfs], SYMLINK],
    ["libssh's own server", "SSH-2.0-libssh_0.11.2", ofLibssh, EXCHANGED],
    ["OpenSSH's sftp-server behind libssh", "SSH-2.0-libssh_0.11.2", [...ofLibssh, fstatvfs], SYMLINK],
    ["AsyncSSH, which has all extensions", "SSH-2.0-AsyncSSH_2.20.0", [...ofLibssh, fstatvfs], EXCHANGED],
    ["Erlang, which has none", "SSH-2.0-Erlang/5.2.11.1", [], EXCHANGED],
  ] as const)("of %s is what a client sends", (_, serverVersion, extensions, sent) => {
    const server = new ScriptedServer({ serverVersion }).ready(extensions);
    server.client.request(SYMLINK, "waiter");
    expect(server.take().map(({ request }) => request)).toEqual([sent]);
  });

  it.each([
    [undefined, SYMLINK],
    ["target-first", SYMLINK],
    ["link-first", EXCHANGED],
  ] as const)("%s decides what a server reads", (symlinkOrder, read) => {
    const client = new ScriptedClient({ symlinkOrder }).ready();
    client.request(SYMLINK);
    const [ask] = client.asks();
    expect(ask!.request).toEqual(read);
    client.server.status(ask!.token, SSH_FX.OK);
    expect(client.replies()).toHaveLength(1);
  });
});
