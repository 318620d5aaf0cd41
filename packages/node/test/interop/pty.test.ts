import type { Readable } from "node:stream";
import { failure, useServer, within } from "@nacre/testing/interop/server";
import { describe, expect, test } from "vitest";

const server = useServer();

/** Reads until the received text matches, and returns the match. */
async function until(stream: Readable, pattern: RegExp): Promise<RegExpExecArray> {
  let text = "";
  const read = async (): Promise<RegExpExecArray> => {
    for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
      text += chunk;
      const match = pattern.exec(text);
      if (match !== null) return match;
    }
    throw new Error(`the stream ended before the match: ${JSON.stringify(text)}`);
  };
  try {
    return await within(20_000, read());
  } catch (cause) {
    throw new Error(`expected ${pattern}, got ${JSON.stringify(text)}`, { cause });
  }
}

describe("a pseudo-terminal", () => {
  test("has the requested size, name and modes", async () => {
    await using client = await server.connect();
    const { stdout } = await client.exec("stty size; echo $TERM; stty -a", {
      pty: { term: "vt220", columns: 132, rows: 43, modes: { ECHO: 0, ISIG: 1, VINTR: 5 } },
    });
    const [size, term, ...settings] = stdout.split("\r\n");
    expect({ size, term }).toEqual({ size: "43 132", term: "vt220" });
    expect(settings.join(" ")).toMatch(/(^|\s)-echo(\s|$)/);
    expect(settings.join(" ")).toMatch(/(^|\s)isig(\s|$)/);
    expect(settings.join(" ")).toContain("intr = ^E;");
  });

  test("is 80 × 24 by default", async () => {
    await using client = await server.connect();
    const { stdout } = await client.exec("stty size; echo $TERM", { pty: true });
    expect(stdout).toBe("24 80\r\nxterm-256color\r\n");
  });

  test("is not allocated unless requested", async () => {
    await using client = await server.connect();
    const { stdout, stderr, status } = await client.exec("test -t 0 || test -t 1 || echo none; tty");
    expect({ stdout, stderr, status }).toEqual({ stdout: "none\nnot a tty\n", stderr: "", status: 1 });
  });

  test("notifies its program of a new size", async () => {
    await using client = await server.connect();
    const script = `trap 'changed=1' WINCH; echo ready
      while sleep 0.02; do
        if [ "$changed" ]; then changed=; size=$(stty size); echo "$size"; [ "$size" = "50 200" ] && exit 7; fi
      done`;
    const running = await client.spawn(script, { pty: { columns: 80, rows: 24 } });
    await until(running.stdout, /ready/);
    running.resize(100, 30);
    await until(running.stdout, /30 100/);
    running.resize(200, 50);
    await until(running.stdout, /50 200/);
    expect(await within(20_000, running.exit)).toMatchObject({ status: 7 });
  });

  test("sends its interrupt character as a signal", async () => {
    await using client = await server.connect();
    const running = await client.spawn(
      "trap 'echo interrupted; exit 9' INT; echo ready; while :; do sleep 0.05; done",
      {
        pty: true,
      },
    );
    await until(running.stdout, /ready/);
    running.stdin.write("\u0003");
    await until(running.stdout, /interrupted/);
    expect(await running.exit).toMatchObject({ status: 9 });
  });
});

describe("a shell", () => {
  test("with a pseudo-terminal runs typed commands, which see a resize", async () => {
    await using client = await server.connect();
    const shell = await client.shell({ pty: { columns: 90, rows: 20, modes: { ECHO: 0 } } });
    shell.stdin.write("PS1= ; tty; stty size\n");
    await until(shell.stdout, /\/dev\/pts\/\d+\r\n20 90\r\n/);
    shell.resize(120, 33);
    shell.stdin.write("stty size\n");
    await until(shell.stdout, /33 120\r\n/);
    shell.stdin.write("exit 5\n");
    expect(await within(20_000, shell.exit)).toMatchObject({ status: 5 });
  });

  test("without a pseudo-terminal reads a script", async () => {
    await using client = await server.connect();
    const shell = await client.shell({ pty: false });
    shell.stdin.end("tty\necho $((6 * 7))\necho aside >&2\nexit 4\n");
    const [stdout, stderr] = await Promise.all([shell.stdout.toArray(), shell.stderr.toArray()]);
    expect(stdout.join("")).toBe("not a tty\n42\n");
    expect(stderr.join("")).toBe("aside\n");
    expect(await shell.exit).toMatchObject({ status: 4 });
  });
});

describe("the environment", () => {
  test("contains only the variables that the server accepts", async () => {
    await using client = await server.connect();
    const { stdout } = await client.exec('echo "[$NACRE_ONE] [$NACRE_TWO] [$OTHER]"', {
      env: { NACRE_ONE: "first value", NACRE_TWO: "grüße; echo $HOME", OTHER: "refused" },
    });
    expect(stdout).toBe("[first value] [grüße; echo $HOME] []\n");
  });
});

describe("a signal", () => {
  test("reaches the running command", async () => {
    await using client = await server.connect();
    const running = await client.spawn("trap 'echo caught; exit 12' USR1; echo ready; while :; do sleep 0.05; done");
    await until(running.stdout, /ready/);
    running.kill("USR1");
    await until(running.stdout, /caught/);
    expect(await running.exit).toMatchObject({ status: 12, signal: undefined });
  });

  test("can end the command", async () => {
    await using client = await server.connect();
    const running = await client.spawn("echo ready; exec sleep 600");
    await until(running.stdout, /ready/);
    running.kill();
    expect(await within(20_000, running.exit)).toMatchObject({ status: undefined, signal: "TERM" });
  });
});

describe("a subsystem", () => {
  test("sftp answers SSH_FXP_INIT with SSH_FXP_VERSION", async () => {
    await using client = await server.connect();
    const sftp = await client.subsystem("sftp");
    // uint32 length, byte SSH_FXP_INIT, uint32 version 3.
    sftp.stdin.write(Uint8Array.of(0, 0, 0, 5, 1, 0, 0, 0, 3));
    const answer = await within(20_000, readPacket(sftp.stdout));
    expect([...answer.subarray(0, 5)]).toEqual([2, 0, 0, 0, 3]);
    expect(answer.toString("latin1")).toContain("posix-rename@openssh.com");
    sftp.stdin.end();
    expect(await within(20_000, sftp.exit)).toMatchObject({ status: 0 });
  });

  test("that does not exist is refused, and the connection stays open", async () => {
    await using client = await server.connect();
    const error = await failure(client.subsystem("no-such-subsystem"));
    expect(error).toMatchObject({ code: "channel-request-failed", culprit: "peer" });
    expect(error.message).toContain("subsystem");
    expect((await client.exec("echo on")).stdout).toBe("on\n");
  });
});

async function readPacket(stream: Readable): Promise<Buffer> {
  let received = Buffer.alloc(0);
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
    received = Buffer.concat([received, chunk as Uint8Array]);
    if (received.length >= 4 && received.length >= 4 + received.readUInt32BE(0)) return received.subarray(4);
  }
  throw new Error(`the stream ended after ${received.length} bytes`);
}
