import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { must } from "@nacre/testing/openssh/run";
import { expect, test } from "vitest";
import { run, useServeFolder } from "../interop/serve-support.ts";

const folder = useServeFolder({ terminals: false });

test("PuTTY's plink runs commands, and its psftp transfers files", async () => {
  const served = await folder.serve();
  const bytes = randomBytes(2 ** 21);
  const [source, there, copy] = ["putty-up", "putty-there", "putty-down"].map((name) => join(folder.path, name));
  writeFileSync(source!, bytes);
  const key = join(folder.path, "key.ppk");
  await must(["puttygen", folder.key, "-O", "private", "-o", key]);
  const [, hostKey = ""] = (await must(["ssh-keygen", "-l", "-f", join(folder.path, "host_key.pub")])).split(" ");
  const putty = (program: string): string[] => {
    const target = ["-batch", "-P", `${served.port}`, "-hostkey", hostKey, "-l", userInfo().username, "-i", key];
    // PuTTY writes its random seed to the home folder.
    return ["env", `HOME=${folder.path}`, program, ...target];
  };
  const { status, stdout, stderr } = await run([...putty("plink"), "-noagent", "127.0.0.1", "sha256sum"], "abc");
  expect({ status, stdout: stdout.toString(), stderr }).toEqual({
    status: 0,
    stdout: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  -\n",
    stderr: "",
  });
  const commands = join(folder.path, "psftp-commands");
  writeFileSync(commands, `put ${source} ${there}\nget ${there} ${copy}\n`);
  await must([...putty("psftp"), "-b", commands, "127.0.0.1"]);
  expect(readFileSync(copy!).equals(bytes)).toBe(true);
});
