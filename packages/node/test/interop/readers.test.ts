import { failure, useServer, within } from "@nacre/testing/interop/server";
import { describe, expect, test } from "vitest";

const server = useServer();

/** Milliseconds: far above the expected time and far below any SSH or TCP timeout. */
const PROMPTLY = 20_000;

describe("a command whose output is read no further", () => {
  test("ends with its own status", async () => {
    await using client = await server.connect();
    const seq = await client.spawn("seq 1 1000000; exit 5");
    for await (const chunk of seq.stdout) {
      expect(String(chunk)).toMatch(/^1\n2\n/);
      break;
    }
    expect(await within(PROMPTLY, seq.exit)).toMatchObject({ status: 5 });
  });

  test("is ended by SIGPIPE if it writes without end", async () => {
    await using client = await server.connect();
    const yes = await client.spawn("exec yes");
    yes.stdout.destroy();
    expect(await within(PROMPTLY, yes.exit)).toMatchObject({ status: undefined, signal: "PIPE" });
  });

  test("does not block the connection", async () => {
    await using client = await server.connect();
    const zeros = await client.spawn("head -c 20000000 /dev/zero; exit 6");
    zeros.stdout.destroy();
    expect((await client.exec("echo on")).stdout).toBe("on\n");
    expect(await within(PROMPTLY, zeros.exit)).toMatchObject({ status: 6 });
  });

  test("is hung up if it runs on a terminal", async () => {
    await using client = await server.connect();
    const yes = await client.spawn("exec yes", { pty: true });
    yes.stdout.destroy();
    expect(await within(PROMPTLY, failure(yes.exit))).toMatchObject({ code: "closed", culprit: "caller" });
  });

  test("goes on if only its error output is read no further", async () => {
    await using client = await server.connect();
    const noisy = await client.spawn("head -c 5000000 /dev/zero >&2; echo out; exit 7");
    noisy.stderr.destroy();
    expect((await noisy.stdout.toArray()).join("")).toBe("out\n");
    expect(await within(PROMPTLY, noisy.exit)).toMatchObject({ status: 7 });
  });
});

/** Prints "up", and writes the name of the signal that ends it to a file. Its error output may be gone by then. */
const trapping = (file: string): string =>
  `exec 2>/dev/null; for s in TERM QUIT HUP; do trap "echo $s > ${file}.new; mv ${file}.new ${file}; exit" $s; done; ` +
  `echo up > ${file}.up; echo up; while :; do sleep 0.05; done`;
const said = (file: string): string => `until test -e ${file}; do sleep 0.02; done; cat ${file}`;

describe("an aborted command gets", () => {
  test("SIGTERM, if it was started with exec", async () => {
    await using client = await server.connect();
    const [file, abort] = [`/tmp/aborted-${process.pid}`, new AbortController()];
    const failed = failure(client.exec(trapping(file), { signal: abort.signal }));
    await within(PROMPTLY, client.exec(said(`${file}.up`)));
    abort.abort();
    expect(await failed).toMatchObject({ code: "aborted", culprit: "caller" });
    expect((await within(PROMPTLY, client.exec(said(file)))).stdout).toBe("TERM\n");
  });

  test("the signal of `killSignal`, if it was started with spawn", async () => {
    await using client = await server.connect();
    const [file, abort] = [`/tmp/killed-${process.pid}`, new AbortController()];
    const running = await client.spawn(trapping(file), { signal: abort.signal, killSignal: "SIGQUIT" });
    await running.stdout[Symbol.asyncIterator]().next();
    abort.abort();
    expect(await failure(running.exit)).toMatchObject({ code: "aborted" });
    expect((await within(PROMPTLY, client.exec(said(file)))).stdout).toBe("QUIT\n");
  });

  test("nothing, and does not start, if it is aborted while its channel opens", async () => {
    await using client = await server.connect();
    await client.exec("true");
    const [file, abort] = [`/tmp/started-${process.pid}`, new AbortController()];
    const failed = failure(client.exec(`touch ${file}`, { signal: abort.signal }));
    abort.abort();
    expect(await failed).toMatchObject({ code: "aborted" });
    expect((await client.exec(`test -e ${file} || echo absent`)).stdout).toBe("absent\n");
  });
});
