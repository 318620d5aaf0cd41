import { describe, expect, it } from "vitest";
import { encodePath, type SftpRequest, SSH_FX, symlinkOrderOf } from "../src/index.ts";
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
    ["SSH-2.0-x AsyncSSH_", "target-first"],
  ] as const)("of %s is %s", (peerVersion, expected) => {
    expect(symlinkOrderOf(peerVersion)).toBe(expected);
  });

  it.each([
    [undefined, SYMLINK],
    ["target-first", SYMLINK],
    ["link-first", EXCHANGED],
  ] as const)("%s decides what a client sends", (symlinkOrder, sent) => {
    const server = new ScriptedServer({ symlinkOrder }).ready();
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
