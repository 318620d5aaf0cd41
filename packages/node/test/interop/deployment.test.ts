import { readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Client, ConnectOptions } from "@nacre/node";
import { useFolder } from "@nacre/testing/interop/keys";
import { useServer } from "@nacre/testing/interop/server";
import { containerExec } from "@nacre/testing/openssh/sshd";
import { beforeEach, expect, onTestFinished, test } from "vitest";

// Runs the README's deployment example unchanged against OpenSSH, except that it connects to the test server and finds `dist` elsewhere.

const server = useServer();
const folder = useFolder();
const HOME = "/home/alice";
const SUDO = "/usr/local/bin/sudo";

const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
const [, code] = [...readme.matchAll(/^```js\n(.*?)^```$/gms)].find(([, block]) => block!.includes('upload("dist"'))!;

/** Stands in for `connect`: expects the options of the example, and connects to the test server. */
async function connect(options: ConnectOptions): Promise<Client> {
  expect(options).toEqual({ host: "example.org", user: "deploy", identities: ["~/.ssh/deploy_key"] });
  const ssh = await server.connect();
  onTestFinished(() => ssh.close());
  return ssh;
}

/** Runs the example with this directory as `dist`. */
async function deploy(dist: string): Promise<void> {
  const AsyncFunction = (async () => {}).constructor as new (
    ...words: string[]
  ) => (...values: unknown[]) => Promise<void>;
  await new AsyncFunction("connect", code!.replace('"dist"', JSON.stringify(dist)))(connect);
}

async function inContainer(command: string): Promise<string> {
  const { status, stdout, stderr } = await containerExec(["sh", "-c", command]);
  if (status !== 0) throw new Error(`${command}: ${stderr}`);
  return stdout;
}

/** Makes a directory with a page that contains `text`. */
async function build(text: string): Promise<string> {
  const dist = join(folder.path, text);
  await mkdir(join(dist, "css"), { recursive: true });
  await writeFile(join(dist, "index.html"), text);
  await writeFile(join(dist, "css", "site.css"), "");
  return dist;
}

/** Replaces `sudo`, which the container lacks, by a script. */
const useSudo = (script: string): Promise<string> =>
  inContainer(`printf '#!/bin/sh\n${script}\n' >${SUDO} && chmod +x ${SUDO}`);

beforeEach(() => async () => void (await inContainer(`rm -rf ${SUDO} ${HOME}/site ${HOME}/restarts`)));

test("the example deploys a directory, points the link to it, and restarts the service", async () => {
  await useSudo('echo "$* $(cat site/current/index.html)" >>restarts');
  await deploy(await build("first"));
  await deploy(await build("second"));
  expect(await inContainer(`cat ${HOME}/restarts`)).toBe(
    "systemctl restart site first\nsystemctl restart site second\n",
  );
  expect(await inContainer(`ls ${HOME}/site ${HOME}/site/current/css`)).toBe(
    `${HOME}/site:\ncurrent\nreleases\n\n${HOME}/site/current/css:\nsite.css\n`,
  );
  expect(await inContainer(`ls ${HOME}/site/releases | wc -l`)).toBe("2\n");
});

test("the example throws what the service wrote if it does not restart", async () => {
  await useSudo("echo no such unit >&2; exit 5");
  await expect(deploy(await build("third"))).rejects.toThrow("the site did not restart: no such unit");
});
