import { setTimeout as delay } from "node:timers/promises";
import { useServer } from "@nacre/testing/interop/server";
import { expect, onTestFinished, test } from "vitest";
import { Cable } from "../reconnect-support.ts";
import { codeOf } from "../support.ts";

// Connects to OpenSSH through a TCP proxy, and cuts the proxy for some seconds. `NACRE_RECONNECT_LOG=1` prints what happens when.

const server = useServer();

test("the network taken away from OpenSSH for 5 s: pending calls fail once, new ones go on, and nothing runs twice", async () => {
  const cable = await Cable.plug(server.sshd.port);
  let cutAt = performance.now();
  const events: string[] = [];
  const log = (line: string): void => {
    if (process.env.NACRE_RECONNECT_LOG === "1")
      process.stderr.write(`${((performance.now() - cutAt) / 1000).toFixed(1).padStart(5)} s  ${line}\n`);
  };
  const ssh = await server.connect({
    host: "127.0.0.1",
    port: cable.port,
    reconnect: {
      onEvent: (event) => {
        events.push(event.type);
        log("error" in event ? `${event.type}: ${event.error.message}` : event.type);
      },
    },
  });
  onTestFinished(() => ssh.close());
  const { stdout } = await ssh.exec("mktemp");
  const runs = stdout.trim();
  const sftp = await ssh.sftp();
  await sftp.stat(runs);
  const pending = codeOf(ssh.exec(`echo run >> ${runs}; sleep 100`));
  while ((await ssh.exec(`cat ${runs}`)).stdout === "") await delay(50);

  cutAt = performance.now();
  cable.cut();
  log("cut");
  expect(await pending).toBe("connection-lost");
  const waiting = ssh.exec("echo answered");
  const later = ssh.sftp();
  expect(await codeOf(sftp.stat(runs))).toBe("connection-lost");
  await delay(5000);
  cable.isCut = false;
  log("whole again");
  expect((await waiting).stdout).toBe("answered\n");
  log("the waiting command has answered");
  // An `Sftp` ends with its connection; the next call of `sftp` has a channel of its own.
  expect((await (await later).stat(runs)).size).toBe(4);
  expect((await ssh.exec(`cat ${runs}; rm ${runs}`)).stdout).toBe("run\n");
  expect(events[0]).toBe("lost");
  expect(events.at(-1)).toBe("connected");
  expect(events.filter((type) => type === "connected")).toHaveLength(1);
});
