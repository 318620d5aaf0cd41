import { once } from "node:events";
import { finished } from "node:stream/promises";
import type { Client } from "@nacre/node";
import { MIB, randomData } from "@nacre/testing/interop/data";
import { putRemoteFile, removeRemoteFile } from "@nacre/testing/interop/remote-file";
import { failure, useServer, within } from "@nacre/testing/interop/server";
import { defaultAlgorithms } from "nacre/defaults";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connect, SshError } from "../../src/index.ts";
import { leavesNothing } from "./support/resources.ts";

const server = useServer();

/** Milliseconds: far above the expected time and far below any SSH or TCP timeout. */
const PROMPTLY = 20_000;

describe("a command", () => {
  test.for([0, 1, 2, 127, 255])("exits with status %i", async (status) => {
    await using client = await server.connect();
    expect(await client.exec(`echo out; exit ${status}`)).toEqual({
      status,
      signal: undefined,
      coreDumped: false,
      stdout: "out\n",
      stderr: "",
    });
  });

  test.for(["KILL", "TERM", "HUP"])("can be ended by SIG%s", async (signal) => {
    await using client = await server.connect();
    const { stdout, ...exit } = await client.exec(`echo out; kill -${signal} $$`);
    expect(stdout).toBe("out\n");
    expect(exit).toMatchObject({ status: undefined, signal });
  });

  test("can be ended by a signal in Node's notation", async () => {
    await using client = await server.connect();
    const running = await client.spawn("echo up; exec sleep 60");
    // sshd drops a signal that arrives before the command has its own process group.
    await once(running.stdout, "data");
    running.kill("SIGTERM");
    expect(await within(PROMPTLY, running.exit)).toMatchObject({ status: undefined, signal: "TERM" });
  });

  test("may be as long as sshd accepts; a longer one fails with `usage`, and the connection stays open", async () => {
    await using client = await server.connect();
    const most = 256 * 1024 - 256 - 18;
    expect(await failure(client.exec(`true ${"x".repeat(300_000)}`))).toMatchObject({ code: "usage" });
    expect(await failure(client.exec("a\0b"))).toMatchObject({ code: "usage" });
    // sshd accepts this length, but Linux cannot run a program with an argument that long.
    expect((await client.exec(`true ${"x".repeat(most - 5)}`)).status).not.toBe(0);
    expect((await client.exec("echo on")).stdout).toBe("on\n");
  });

  test("exits with status 127 if not found", async () => {
    await using client = await server.connect();
    const { status, stdout, stderr } = await client.exec("no-such-command-anywhere");
    expect({ status, stdout }).toEqual({ status: 127, stdout: "" });
    expect(stderr).toContain("no-such-command-anywhere: command not found");
  });

  test("that leaves a child running ends when its output ends", async () => {
    await using client = await server.connect();
    const { status, stdout } = await client.exec("echo first; (sleep 0.3; echo late) & exit 3");
    expect({ status, stdout }).toEqual({ status: 3, stdout: "first\nlate\n" });
  });

  test("gets SIGHUP when its input is destroyed", async () => {
    await using client = await server.connect();
    const cat = await client.spawn("cat");
    cat.stdin.destroy();
    expect(await within(PROMPTLY, failure(cat.exit))).toMatchObject({ code: "closed" });
    expect((await client.exec("echo on")).stdout).toBe("on\n");
  });
});

/** Starts every kind of pending operation on a connection. */
async function waitingOn(client: Client, bigFile: string): Promise<Promise<unknown>[]> {
  const [download, upload, idle] = await Promise.all([
    client.spawn(`cat ${bigFile}; sleep 60`),
    client.spawn("sleep 60"),
    client.spawn("cat"),
  ]);
  const chunks = download.stdout[Symbol.asyncIterator]();
  await chunks.next();
  const readToEnd = async (): Promise<void> => {
    for (let next = await chunks.next(); next.done !== true; next = await chunks.next());
  };
  const written = new Promise<void>((resolve, reject) =>
    // More than the window, so that the write stays pending.
    upload.stdin.write(randomData(8 * MIB), (error) => (error ? reject(error) : resolve())),
  );
  return [
    readToEnd(),
    written,
    finished(idle.stdin),
    finished(idle.stdout.resume()),
    finished(idle.stderr.resume()),
    download.exit,
    upload.exit,
    idle.exit,
    client.exec("sleep 60"),
    client.exec("cat >/dev/null; sleep 60", { input: randomData(8 * MIB) }),
    // The channel is still being opened when the connection ends.
    client.exec("true; sleep 60"),
  ];
}

/** Returns the distinct codes with which these promises reject. */
async function codesOf(waiting: readonly Promise<unknown>[]): Promise<string[]> {
  const results = await within(PROMPTLY, Promise.allSettled(waiting));
  const codes = results.map((result) => {
    if (result.status === "fulfilled") return "fulfilled";
    return result.reason instanceof SshError ? result.reason.code : String(result.reason);
  });
  return [...new Set(codes)];
}

describe("the server dies", () => {
  let bigFile: string;
  beforeAll(async () => {
    bigFile = await putRemoteFile(randomData(32 * MIB));
  });
  afterAll(() => removeRemoteFile(bigFile));

  test("during transfers: all pending operations reject, and the process keeps running", async () => {
    await leavesNothing(async () => {
      const client = await server.connect();
      const waiting = await waitingOn(client, bigFile);
      const codes = codesOf(waiting);
      await server.sshd.killSessions();
      expect(await codes).toEqual(["connection-lost"]);
      expect(await within(PROMPTLY, client.ended)).toMatchObject({ code: "connection-lost", culprit: "peer" });

      const late = await failure(client.exec("echo late"));
      expect(late.code).toBe("connection-lost");
      expect(late.cause).toBe(await client.ended);
      await within(PROMPTLY, client.close());

      await using next = await server.connect();
      expect((await next.exec("echo on")).stdout).toBe("on\n");
    });
  });

  test("without listeners: there is neither an unhandled rejection nor an uncaught exception if no stream is used", async () => {
    await leavesNothing(async () => {
      const client = await server.connect();
      await client.spawn("cat");
      await client.spawn(`cat ${bigFile}`);
      await server.sshd.killSessions();
      expect(await within(PROMPTLY, client.ended)).toMatchObject({ code: "connection-lost" });
    });
  });

  test("while waiting for a password from the application", async () => {
    await leavesNothing(async () => {
      const error = await within(
        PROMPTLY,
        failure(
          server.connect({
            identities: [],
            password: async () => {
              await server.sshd.killSessions();
              return new Promise<string>(() => {});
            },
          }),
        ),
      );
      expect(error).toMatchObject({ code: "connection-lost", culprit: "peer" });
    });
  });

  test("while waiting for the application's host key decision", async () => {
    await leavesNothing(async () => {
      const error = await within(
        PROMPTLY,
        failure(
          server.connect({
            hostKey: async () => {
              await server.sshd.killSessions();
              return true;
            },
          }),
        ),
      );
      expect(error).toMatchObject({ code: "connection-lost", culprit: "peer" });
    });
  });
});

describe("close()", () => {
  let bigFile: string;
  beforeAll(async () => {
    bigFile = await putRemoteFile(randomData(32 * MIB));
  });
  afterAll(() => removeRemoteFile(bigFile));

  test("rejects all pending operations with `closed`", async () => {
    await leavesNothing(async () => {
      const client = await server.connect();
      const codes = codesOf(await waitingOn(client, bigFile));
      await within(PROMPTLY, client.close());
      expect(await codes).toEqual(["closed"]);
      expect(await client.ended).toMatchObject({ code: "closed", culprit: "caller" });
      await within(PROMPTLY, client.close());
    });
  });

  test("sends SSH_MSG_DISCONNECT, which the server logs", async () => {
    const client = await server.connect();
    await client.exec("true");
    await client.close();
    await expect
      .poll(() => server.sshd.log(), { timeout: PROMPTLY })
      .toMatch(/Received disconnect from 127\.0\.0\.1 port \d+:11: /);
  });

  test("works immediately after connecting, while the first channel opens", async () => {
    await leavesNothing(async () => {
      const client = await server.connect();
      const running = codesOf([client.exec("sleep 60"), client.exec("sleep 60")]);
      await within(PROMPTLY, client.close());
      expect(await running).toEqual(["closed"]);
    });
  });
});

describe("an AbortSignal", () => {
  const withCurve25519 = {
    ...defaultAlgorithms,
    kex: defaultAlgorithms.kex.filter(({ name }) => name === "curve25519-sha256"),
  };
  const roomy = useServer({ config: ["MaxSessions 1000"] });

  test("that is already aborted prevents the connection", async () => {
    await leavesNothing(async () => {
      const reason = new Error("cancelled by the user");
      const error = await failure(connect(server.options({ signal: AbortSignal.abort(reason) })));
      expect(error).toMatchObject({ code: "aborted", culprit: "caller", cause: reason });
    });
  });

  test("can abort while TCP connects", async () => {
    await leavesNothing(async () => {
      const controller = new AbortController();
      const connecting = failure(connect(server.options({ signal: controller.signal })));
      controller.abort();
      expect(await within(PROMPTLY, connecting)).toMatchObject({ code: "aborted", culprit: "caller" });
    });
  });

  // Each packet of a login is a separate stage.
  test.for([
    "SSH_MSG_KEXINIT",
    "SSH_MSG_KEX_ECDH_REPLY",
    "SSH_MSG_NEWKEYS",
    "SSH_MSG_EXT_INFO",
    "SSH_MSG_SERVICE_ACCEPT",
    "SSH_MSG_USERAUTH_FAILURE",
  ])("can abort after %s", async (message) => {
    await leavesNothing(async () => {
      const controller = new AbortController();
      const connecting = failure(
        server.connect({
          signal: controller.signal,
          algorithms: withCurve25519,
          // The server accepts none of these methods, so the login does not complete before the abort.
          identities: [],
          password: "wrong",
          trace: (record) => {
            if (record.type === "packet" && record.direction === "received" && record.message === message)
              queueMicrotask(() => controller.abort());
          },
        }),
      );
      expect(await within(PROMPTLY, connecting)).toMatchObject({ code: "aborted", culprit: "caller" });
    });
  });

  test("can abort from within the trace callback, while a packet is processed", async () => {
    await leavesNothing(async () => {
      const controller = new AbortController();
      const connecting = failure(
        server.connect({
          signal: controller.signal,
          trace: (record) => {
            if (record.type === "packet" && record.message === "SSH_MSG_KEXINIT") controller.abort();
          },
        }),
      );
      expect(await within(PROMPTLY, connecting)).toMatchObject({ code: "aborted", culprit: "caller" });
    });
  });

  test.for([
    ["the host key decision is pending", "hostKey"],
    ["a password is requested", "password"],
    ["a remote key signs", "sign"],
  ] as const)("can abort while %s and never completes", async ([, stage]) => {
    await leavesNothing(async () => {
      const controller = new AbortController();
      const never = <T>(): Promise<T> => {
        controller.abort();
        return new Promise<T>(() => {});
      };
      const changes = {
        hostKey: { hostKey: () => never<boolean>() },
        password: { identities: [], password: () => never<string>() },
        sign: { identities: [{ publicKey: server.key.publicKey, sign: () => never<Uint8Array>() }] },
      }[stage];
      const connecting = failure(server.connect({ ...changes, signal: controller.signal }));
      expect(await within(PROMPTLY, connecting)).toMatchObject({ code: "aborted", culprit: "caller" });
    });
  });

  test("of connect has no effect after the login", async () => {
    const controller = new AbortController();
    await using client = await server.connect({ signal: controller.signal });
    controller.abort();
    expect((await client.exec("echo on")).stdout).toBe("on\n");
  });

  test("can abort a command before it starts, while its channel opens, and while it runs", async () => {
    await using client = await server.connect();
    expect(await failure(client.exec("echo", { signal: AbortSignal.abort() }))).toMatchObject({ code: "aborted" });

    for (const run of [client.exec.bind(client), client.spawn.bind(client)]) {
      const opening = new AbortController();
      const failed = failure(run("sleep 60", { signal: opening.signal }));
      opening.abort();
      expect(await within(PROMPTLY, failed)).toMatchObject({ code: "aborted", culprit: "caller" });
    }

    const running = new AbortController();
    const failed = failure(client.exec("cat; sleep 60", { input: "some", signal: running.signal }));
    await client.exec("true");
    running.abort();
    expect(await within(PROMPTLY, failed)).toMatchObject({ code: "aborted" });
    expect((await client.exec("echo on")).stdout).toBe("on\n");
  });

  test("of a spawned command closes its channel", async () => {
    await using client = await server.connect();
    const controller = new AbortController();
    const cat = await client.spawn("cat", { signal: controller.signal });
    cat.stdin.write("some");
    expect(String((await cat.stdout[Symbol.asyncIterator]().next()).value)).toBe("some");
    controller.abort();
    expect(await within(PROMPTLY, failure(cat.exit))).toMatchObject({ code: "aborted" });
    expect((await client.exec("echo on")).stdout).toBe("on\n");
  });

  // Three hundred commands exceed the maximum number of channels. Each ends when its output is no longer accepted.
  test("can abort many commands without leaving channels open", async () => {
    await using client = await roomy.connect();
    for (let i = 0; i < 300; i++) {
      const controller = new AbortController();
      const failed = failure(client.exec("yes", { signal: controller.signal, maxOutput: Infinity }));
      if (i % 3 === 0) controller.abort();
      else if (i % 3 === 1) setImmediate(() => controller.abort());
      else void client.exec("true").then(() => controller.abort());
      expect(await within(PROMPTLY, failed)).toMatchObject({ code: "aborted" });
    }
    const results = await Promise.all(Array.from({ length: 50 }, (_, i) => client.exec(`echo ${i}`)));
    expect(results.map(({ stdout }) => stdout)).toEqual(Array.from({ length: 50 }, (_, i) => `${i}\n`));
  });
});

describe("a password", () => {
  test("requested from a function that rejects ends only the login", async () => {
    await leavesNothing(async () => {
      const error = await failure(
        server.connect({
          identities: [],
          password: () => Promise.reject(new Error("no password available")),
        }),
      );
      expect(error).toMatchObject({ code: "auth-cancelled", culprit: "caller" });
      expect(error.message).toContain("no password available");
    });
  });
});
