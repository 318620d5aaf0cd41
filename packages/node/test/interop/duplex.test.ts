import { spawn } from "node:child_process";
import { Duplex } from "node:stream";
import { useServer } from "@nacre/testing/interop/server";
import { expect, test } from "vitest";

const server = useServer();

test("connects over the streams of a process, as ProxyCommand does", async () => {
  const relay = `const { connect } = require("node:net"); const s = connect(${server.sshd.port}, "127.0.0.1"); process.stdin.pipe(s).pipe(process.stdout);`;
  const { stdin, stdout } = spawn(process.execPath, ["-e", relay], { stdio: ["pipe", "pipe", "inherit"] });
  await using client = await server.connect({ duplex: Duplex.from({ readable: stdout, writable: stdin }) });
  expect(await client.exec("echo $((6 * 7))")).toMatchObject({ stdout: "42\n", status: 0 });
});
