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

/** Far more than it takes, and far less than any time-out of SSH or TCP. */
const PROMPTLY = 5000;

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

  test.for(["KILL", "TERM", "HUP"])("is ended by SIG%s", async (signal) => {
    await using client = await server.connect();
    const { stdout, ...exit } = await client.exec(`echo out; kill -${signal} $$`);
    expect(stdout).toBe("out\n");
    expect(exit).toMatchObject({ status: undefined, signal });
  });

  test("is ended by a signal as Node writes it", async () => {
    await using client = await server.connect();
    const running = await client.spawn("echo up; exec sleep 60");
    // sshd drops a signal that comes before the command has a process group of its own.
    await once(running.stdout, "data");
    running.kill("SIGTERM");
    expect(await within(PROMPTLY, running.exit)).toMatchObject({ status: undefined, signal: "TERM" });
  });

  test("is as long as sshd takes one, and longer ones are told: the connection goes on", async () => {
    await using client = await server.connect();
    const most = 256 * 1024 - 256 - 18;
    expect(await failure(client.exec(`true ${"x".repeat(300_000)}`))).toMatchObject({ code: "usage" });
    expect(await failure(client.exec("a\0b"))).toMatchObject({ code: "usage" });
    // sshd takes it; Linux runs no program with an argument of this length.
    expect((await client.exec(`true ${"x".repeat(most - 5)}`)).status).not.toBe(0);
    expect((await client.exec("echo on")).stdout).toBe("on\n");
  });

  test("is not found", async () => {
    await using client = await server.connect();
    const { status, stdout, stderr } = await client.exec("no-such-command-anywhere");
    expect({ status, stdout }).toEqual({ status: 127, stdout: "" });
    expect(stderr).toContain("no-such-command-anywhere: command not found");
  });

  test("that leaves a child behind ends when its output does", async () => {
    await using client = await server.connect();
    const { status, stdout } = await client.exec("(sleep 0.3; echo late) & echo first; exit 3");
    expect({ status, stdout }).toEqual({ status: 3, stdout: "first\nlate\n" });
  });

  test("whose input is destroyed is hung up", async () => {
    await using client = await server.connect();
    const cat = await client.spawn("cat");
    cat.stdin.destroy();
    await within(PROMPTLY, cat.exit);
    expect((await client.exec("echo on")).stdout).toBe("on\n");
  });

  test("whose output is destroyed does not stop the connection", async () => {
    await using client = await server.connect();
    const zeros = await client.spawn("head -c 20000000 /dev/zero; echo end >&2; exit 6");
    zeros.stdout.destroy();
    expect((await zeros.stderr.toArray()).join("")).toBe("end\n");
    expect(await within(PROMPTLY, zeros.exit)).toMatchObject({ status: 6 });
  });
});

/** Everything that can wait on a connection, waiting. */
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
    // More than the window, so that it cannot be done.
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
    // Not yet open when the connection ends.
    client.exec("true; sleep 60"),
  ];
}

/** The codes of the errors that they all reject with, each once. */
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

  test("in the middle of transfers: whatever waits has the error, and the program goes on", async () => {
    await leavesNothing(async () => {
      const client = await server.connect();
      const waiting = await waitingOn(client, bigFile);
      const codes = codesOf(waiting);
      await server.sshd.killSessions();
      expect(await codes).toEqual(["connection-lost"]);
      expect(await within(PROMPTLY, client.ended)).toMatchObject({ code: "connection-lost", culprit: "peer" });

      const late = await failure(client.exec("echo late"));
      expect(late.code).toBe("closed");
      expect(late.cause).toBe(await client.ended);
      await within(PROMPTLY, client.close());

      await using next = await server.connect();
      expect((await next.exec("echo on")).stdout).toBe("on\n");
    });
  });

  test("and nobody looks: no rejection goes unhandled", async () => {
    await leavesNothing(async () => {
      const client = await server.connect();
      const cat = await client.spawn("cat");
      cat.stdin.write("never read");
      await client.spawn(`cat ${bigFile}`);
      await server.sshd.killSessions();
      expect(await within(PROMPTLY, client.ended)).toMatchObject({ code: "connection-lost" });
    });
  });

  test("while the application is asked for a password", async () => {
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

  test("while the application decides about the host key", async () => {
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

  test("in the middle of everything: whatever waits ends with `closed`", async () => {
    await leavesNothing(async () => {
      const client = await server.connect();
      const codes = codesOf(await waitingOn(client, bigFile));
      await within(PROMPTLY, client.close());
      expect(await codes).toEqual(["closed"]);
      expect(await client.ended).toMatchObject({ code: "closed", culprit: "caller" });
      await within(PROMPTLY, client.close());
    });
  });

  test("says goodbye: the server's log has it", async () => {
    const client = await server.connect();
    await client.exec("true");
    await client.close();
    expect(await server.sshd.log()).toMatch(/Received disconnect from 127\.0\.0\.1 port \d+:11: /);
  });

  test("at once after connecting, with the first channel on its way", async () => {
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

  test("that is aborted already: nothing is connected", async () => {
    await leavesNothing(async () => {
      const reason = new Error("changed my mind");
      const error = await failure(connect(server.options({ signal: AbortSignal.abort(reason) })));
      expect(error).toMatchObject({ code: "aborted", culprit: "caller", cause: reason });
    });
  });

  test("while TCP connects", async () => {
    await leavesNothing(async () => {
      const controller = new AbortController();
      const connecting = failure(connect(server.options({ signal: controller.signal })));
      controller.abort();
      expect(await within(PROMPTLY, connecting)).toMatchObject({ code: "aborted", culprit: "caller" });
    });
  });

  // Each packet of a login is a stage of its own.
  test.for([
    "SSH_MSG_KEXINIT",
    "SSH_MSG_KEX_ECDH_REPLY",
    "SSH_MSG_NEWKEYS",
    "SSH_MSG_EXT_INFO",
    "SSH_MSG_SERVICE_ACCEPT",
    "SSH_MSG_USERAUTH_FAILURE",
  ])("when %s has come", async (message) => {
    await leavesNothing(async () => {
      const controller = new AbortController();
      const connecting = failure(
        server.connect({
          signal: controller.signal,
          algorithms: withCurve25519,
          // Nothing that the server takes, so that the login is not over first.
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

  test("from within the trace, in the middle of a packet", async () => {
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
    ["the host key is decided", "hostKey"],
    ["a password is asked for", "password"],
    ["a key elsewhere is to sign", "sign"],
  ] as const)("while %s, which never ends", async ([, stage]) => {
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

  test("of connect has no effect afterwards", async () => {
    const controller = new AbortController();
    await using client = await server.connect({ signal: controller.signal });
    controller.abort();
    expect((await client.exec("echo on")).stdout).toBe("on\n");
  });

  test("of a command: before it, while its channel opens, and while it runs", async () => {
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
    expect(await within(PROMPTLY, cat.exit)).toMatchObject({ status: undefined });
    expect((await client.exec("echo on")).stdout).toBe("on\n");
  });

  // Three hundred: more than there may be channels. Each ends when nobody takes what it prints.
  test("of many commands leaves no channel behind", async () => {
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
  test("asked for and given up ends the login only", async () => {
    await leavesNothing(async () => {
      const error = await failure(
        server.connect({
          identities: [],
          password: () => Promise.reject(new Error("not today")),
        }),
      );
      expect(error).toMatchObject({ code: "auth-cancelled", culprit: "caller" });
      expect(error.message).toContain("not today");
    });
  });
});
