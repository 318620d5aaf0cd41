import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { importOptions } from "../../../scripts/build/fingerprint.mjs";
import { makeFolder } from "./support.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const MAIN = [...importOptions(), "examples/terminal/src/main.ts"];
/** Of tests that start the command, from its sources if they have changed, which takes half a minute on a busy machine. */
const STARTING = { timeout: 180_000 };

test("the command prints where to log in, serves the page and stops at a signal", STARTING, async () => {
  const folder = makeFolder();
  const program = spawn(process.execPath, [...MAIN, "--web-port", "0", "--ssh-port", "0", "--folder", folder.path], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(program, "close");
  try {
    let text = "";
    for await (const chunk of program.stdout.iterator({ destroyOnReturn: false })) {
      text += String(chunk);
      if (/host key: +\S+\n/.test(text)) break;
    }
    const [, url] =
      /page: +(http:\/\/localhost:\d+\/)\n +user: +demo\n +password: +[a-z\d-]{19}\n +host key: +SHA256:/.exec(text)!;
    const page = await fetch(url!);
    expect(await page.text()).toContain("<title>Nacre terminal</title>");
    program.kill("SIGTERM");
    expect(await ended).toEqual([0, null]);
  } finally {
    program.kill("SIGKILL");
    await ended;
    folder.remove();
  }
});

test("the command explains a wrong argument", STARTING, async () => {
  const program = spawn(process.execPath, [...MAIN, "--web-port", "x"], {
    cwd: ROOT,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let text = "";
  program.stderr.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  expect(await once(program, "close")).toEqual([2, null]);
  expect(text).toContain("web: --web-port x is not a port");
  expect(text).toContain("usage: npm start -- web");
});
