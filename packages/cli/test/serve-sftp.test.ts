import { tmpdir } from "node:os";
import type { NodeSession } from "@nacre/node";
import { FakeChannel } from "@nacre/testing/nacre/fake-channel";
import { describe, expect, test } from "vitest";
import { internalSftp, type SftpContext, servesSubsystem, sftpHandlers, sftpOptions } from "../src/serve/serve-sftp.ts";

const account = { name: "alice", home: tmpdir(), shell: "/bin/sh" };

function context(
  sftp: Partial<SftpContext["arguments"]["sftp"]> = {},
  { exec = true }: { readonly exec?: boolean } = {},
): SftpContext {
  return { arguments: { exec, sftp: { root: undefined, readOnly: false, ...sftp } }, account, note() {} };
}

describe("sftpOptions", () => {
  test("serves the whole system from the home by default", () => {
    expect(sftpOptions(context())).toMatchObject({ root: "/", startDirectory: tmpdir(), readOnly: false });
  });

  test("starts at / below a root, and if the home is missing", () => {
    expect(sftpOptions(context({ root: "/srv" }))).toMatchObject({ root: "/srv", startDirectory: "/" });
    const homeless = { ...context(), account: { ...account, home: "/none/such" } };
    expect(sftpOptions(homeless)).toMatchObject({ root: "/", startDirectory: "/" });
  });

  test("takes those of a key before those of the server", () => {
    const key = internalSftp("internal-sftp -R -u 077 -P remove -d /%u --root '/srv/a b'");
    expect(sftpOptions(context({ root: "/srv" }), key)).toMatchObject({
      root: "/srv/a b",
      startDirectory: "/alice",
      readOnly: true,
      umask: 0o077,
      denyRequests: ["remove"],
    });
  });
});

test("nacre serve: SFTP beyond what a login may do · server", () => {
  expect(servesSubsystem(context().arguments)).toBe(true);
  expect(servesSubsystem(context({}, { exec: false }).arguments)).toBe(false);
  expect(sftpHandlers(context({}, { exec: false })).subsystem).toBeUndefined();
  expect(servesSubsystem(context({ root: "/srv" }, { exec: false }).arguments)).toBe(true);
  expect(() => sftpOptions(context({}, { exec: false }), internalSftp("internal-sftp"))).toThrow(
    expect.objectContaining({ code: "usage" }),
  );
  expect(sftpOptions(context({ readOnly: true }), internalSftp("internal-sftp")).readOnly).toBe(true);
  expect(sftpOptions(context(), internalSftp("internal-sftp -R")).readOnly).toBe(true);
});

const answer = (sftp: Partial<SftpContext["arguments"]["sftp"]>, exec = true): Promise<number> | undefined => {
  const session = {
    kind: "exec",
    command: "/usr/bin/scp -pf *",
    forced: false,
    takeChannel: () => new FakeChannel(),
  };
  return sftpHandlers(context(sftp, { exec })).scp!(session as unknown as NodeSession);
};

test("nacre serve: a command of scp that is not understood · server", async () => {
  const root = tmpdir();
  expect(await Promise.all([answer({ root }), answer({ readOnly: true }), answer({ root }, false)])).toEqual([1, 1, 1]);
  // Such a login reaches every file, and its shell expands the path.
  expect(answer({})).toBeUndefined();
});

test("internalSftp splits words as a shell does, and rejects what it does not know", () => {
  expect(internalSftp(`internal-sftp\t -d "/a 'b'"'c d' `).startDirectory).toBe("/a 'b'c d");
  expect(internalSftp("internal-sftp").startDirectory).toBeUndefined();
  for (const command of ["internal-sftp -x", "internal-sftp word", 'internal-sftp -d "/a', "internal-sftp -d"])
    expect(() => internalSftp(command)).toThrow(expect.objectContaining({ code: "usage" }));
});
