import { describe, expect, test } from "vitest";
import { acceptEnv, sessionEnvironment } from "../src/serve/serve-environment.ts";

const account = { name: "alice", home: "/home/alice", shell: "/bin/sh" };
const endpoints = { remoteAddress: "192.0.2.1", remotePort: 1234, localAddress: "192.0.2.2", localPort: 22 };
const pty = { term: "xterm", columns: 80, rows: 24, widthPixels: 0, heightPixels: 0, modes: {} };

describe("sessionEnvironment", () => {
  test("contains the account and the addresses, and only PATH and TZ of the server", () => {
    const own = { PATH: "/bin", TZ: "UTC", SECRET: "x", LD_PRELOAD: "x", SSH_AUTH_SOCK: "x", HOME: "/root" };
    expect(sessionEnvironment({ env: {}, pty: undefined, endpoints }, account, own)).toEqual({
      HOME: "/home/alice",
      USER: "alice",
      LOGNAME: "alice",
      SHELL: "/bin/sh",
      PATH: "/bin",
      TZ: "UTC",
      SSH_CLIENT: "192.0.2.1 1234 22",
      SSH_CONNECTION: "192.0.2.1 1234 192.0.2.2 22",
    });
  });

  test("adds the terminal type, and lets variables of the session override others", () => {
    const env = { LANG: "C", PATH: "/opt/bin", SSH_ORIGINAL_COMMAND: "ls" };
    expect(sessionEnvironment({ env, pty, endpoints }, account, {})).toMatchObject({ TERM: "xterm", ...env });
    expect(sessionEnvironment({ env, pty: { ...pty, term: "" }, endpoints }, account, {})).toMatchObject({
      TERM: "dumb",
    });
  });

  test("keeps what the server knows of the session, whatever variables the session has", () => {
    const env = { TERM: "vt100", SSH_CLIENT: "none", SSH_CONNECTION: "none" };
    expect(sessionEnvironment({ env, pty, endpoints }, account, {})).toMatchObject({
      TERM: "xterm",
      SSH_CLIENT: "192.0.2.1 1234 22",
      SSH_CONNECTION: "192.0.2.1 1234 192.0.2.2 22",
    });
    expect(sessionEnvironment({ env, pty: undefined, endpoints }, account, {})).toMatchObject({ TERM: "vt100" });
  });

  test.each(["LANG", "LC_ALL", "LC_TIME", "COLORTERM", "NO_COLOR"])("acceptEnv allows %s", (name) => {
    expect(acceptEnv(name)).toBe(true);
  });

  test.each(["PATH", "LD_PRELOAD", "BASH_ENV", "ENV", "LANGUAGE", "LC_", "xLANG", "LC_ALL\nPATH", "IFS", "TERM", ""])(
    "acceptEnv rejects %j",
    (name) => {
      expect(acceptEnv(name)).toBe(false);
    },
  );
});
