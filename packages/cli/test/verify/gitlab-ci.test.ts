import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { containerExec } from "@nacre/testing/openssh/sshd";
import { afterAll, beforeAll, expect, test } from "vitest";
import { commandLine, type Ended } from "../interop/nacre.ts";
import { run, type Served, useServeFolder } from "../interop/serve-support.ts";
import { quoted, useSshd } from "../interop/sshd-login.ts";

// Runs the job of the README as GitLab's runner does: its lines, one after the other in one shell that stops at the first error, in a new
// clone of the project from a git server over SSH. The job deploys to OpenSSH.

const gitServer = useServeFolder({ terminals: false });
const server = useSshd();
const SYSTEMCTL = "/usr/local/bin/systemctl";

const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
const [, job = ""] = /^```yaml\n(deploy:\n.*?)^```$/ms.exec(readme) ?? [];

/** Returns the lines of a list of the job, such as `script`. */
function linesOf(name: string): string[] {
  const [, list = ""] = new RegExp(`^ {2}${name}:\\n((?: {4}- .*\\n)+)`, "m").exec(job) ?? [];
  return [...list.matchAll(/^ {4}- (.*)$/gm)].map(([, line]) => line!);
}

/** Returns the variables of the job. */
function variables(): Record<string, string> {
  const [, list = ""] = /^ {2}variables:\n((?: {4}\w+: .*\n)+)/m.exec(job) ?? [];
  return Object.fromEntries([...list.matchAll(/^ {4}(\w+): (.*)$/gm)].map(([, name, value]) => [name!, value!]));
}

async function inContainer(command: string): Promise<string> {
  const { status, stdout, stderr } = await containerExec(["sh", "-c", command]);
  if (status !== 0) throw new Error(`${command}: ${stderr}`);
  return stdout;
}

/** Replaces `systemctl` by a script: the container runs no systemd. */
const useSystemctl = (script: string): Promise<string> =>
  inContainer(`printf '#!/bin/sh\n${script}\n' >${SYSTEMCTL} && chmod +x ${SYSTEMCTL}`);

let served: Served;
let repository: string;

beforeAll(async () => {
  repository = join(gitServer.path, "project.git");
  execFileSync("git", ["init", "-q", "--bare", "-b", "main", repository]);
  // The runner finds `nacre` in its PATH.
  mkdirSync(join(server.folder, "bin"));
  writeFileSync(join(server.folder, "bin", "nacre"), `#!/bin/sh\nexec ${quoted(commandLine([]))} "$@"\n`, {
    mode: 0o755,
  });
});

afterAll(() => inContainer(`rm -rf ${SYSTEMCTL} ~alice/app ~alice/app-restarts`));

/** Runs a shell command on this machine, with git's connections over SSH. Throws if it fails. */
function git(cwd: string, ...words: string[]): string {
  const [ssh = "", ...options] = gitServer.ssh(served).slice(0, -1);
  const env = {
    ...process.env,
    GIT_SSH_COMMAND: `${ssh} ${quoted(options)}`,
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_CONFIG_SYSTEM: "/dev/null",
    GIT_AUTHOR_NAME: "a",
    GIT_AUTHOR_EMAIL: "a@example.org",
    GIT_COMMITTER_NAME: "a",
    GIT_COMMITTER_EMAIL: "a@example.org",
  };
  return execFileSync("git", ["-C", cwd, ...words], {
    env,
    encoding: "utf8",
    stdio: "pipe",
  }).trim();
}

/** Commits a version of the project and pushes it to the git server. Resolves with the short id of the commit. */
function push(text: string): string {
  const work = join(gitServer.path, "work");
  const url = `ssh://${userInfo().username}@127.0.0.1:${served.port}${repository}`;
  rmSync(work, { recursive: true, force: true });
  git(gitServer.path, "-c", "init.defaultBranch=main", "clone", "-q", url, work);
  const build = `mkdir -p dist/css && cp index.html dist && touch dist/css/site.css`;
  writeFileSync(join(work, "package.json"), JSON.stringify({ private: true, scripts: { build } }));
  writeFileSync(join(work, "index.html"), text);
  git(work, "add", ".");
  git(work, "commit", "-q", "-m", text);
  git(work, "push", "-q", "origin", "HEAD:main");
  return git(work, "rev-parse", "--short=8", "HEAD");
}

/** Runs the job for the newest commit. */
async function runJob(id: string): Promise<Ended> {
  const project = join(server.folder, "builds", "project");
  rmSync(project, { recursive: true, force: true });
  mkdirSync(join(server.folder, "builds"), { recursive: true });
  const url = `ssh://${userInfo().username}@127.0.0.1:${served.port}${repository}`;
  git(server.folder, "clone", "-q", "--depth", "1", url, project);
  // GitLab's files of variables are readable by everybody.
  const key = join(server.folder, "DEPLOY_KEY");
  copyFileSync(join(server.folder, "key"), key);
  chmodSync(key, 0o666);
  const expand = (value: string): string => value.replaceAll("$CI_COMMIT_SHORT_SHA", id);
  const given = Object.entries(variables()).map(([name, value]) => `${name}=${expand(value)}`);
  const environment = [
    ...given,
    `SERVER=ssh://alice@127.0.0.1:${server.port}`,
    `CI_COMMIT_SHORT_SHA=${id}`,
    `DEPLOY_KEY=${key}`,
    `KNOWN_HOSTS=${join(server.folder, "known_hosts")}`,
    `PATH=${join(server.folder, "bin")}:${process.env.PATH}`,
  ];
  const [, ...prepared] = linesOf("before_script");
  const script = ["set -e", `cd '${project}'`, ...prepared, ...linesOf("script")];
  return run(["env", ...environment, "sh", "-c", script.join("\n")]);
}

test("the job deploys each commit to a folder of its own, moves the link, and restarts the service", async () => {
  served = await gitServer.serve();
  await useSystemctl('echo "$* $(cat app/current/index.html)" >>app-restarts');
  const ids: string[] = [];
  for (const text of ["first", "second"]) {
    ids.push(push(text));
    const { status, stderr } = await runJob(ids.at(-1)!);
    expect([status, stderr]).toEqual([0, ""]);
  }
  expect(await server.run("cat app-restarts")).toBe("--user restart app first\n--user restart app second");
  expect(await server.run("ls app app/current/css && readlink app/current && ls app/releases")).toBe(
    ["app:", "current", "releases", "", "app/current/css:", "site.css", `releases/${ids[1]}`, ...ids.toSorted()].join(
      "\n",
    ),
  );

  // A job that fails before the link is moved leaves the old release in use.
  const third = push("third");
  await server.run("chmod a-w app/releases");
  const { status, stderr } = await runJob(third);
  await server.run("chmod u+w app/releases");
  expect([status, stderr]).toEqual([1, expect.stringMatching(/^nacre: .*\[sftp-permission-denied\]\n$/)]);
  expect(await server.run("readlink app/current")).toBe(`releases/${ids[1]}`);
  // About forty processes, which are slow on a busy machine.
}, 300_000);

test("the job has the lines that the test runs", () => {
  expect(Object.keys(variables())).toEqual(["SERVER", "RELEASE"]);
  // The tests have the command already, and run the other lines.
  expect(linesOf("before_script")[0]).toBe("npm install --global @nacre/cli");
  expect(linesOf("before_script")).toHaveLength(3);
  expect(linesOf("script")).toHaveLength(5);
});
