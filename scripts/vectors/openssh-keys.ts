/**
 * Writes test-vectors/openssh-keys.json: keys, certificates and signatures of OpenSSH's unit tests, and what its `ssh-add` sends for
 * security keys. Debian has the data, and a library that acts as a security key, in the package openssh-tests.
 *
 *     node --conditions=@nacre/source --import tsx scripts/vectors/openssh-keys.ts
 */
import { execFile, execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { toHex, Writer } from "@nacre/wire";

const regress = process.env["OPENSSH_REGRESS"] ?? "/usr/lib/openssh/regress";
const provider = join(regress, "misc/sk-dummy/sk-dummy.so");

if (existsSync(provider)) await write();
else console.log(`skipped: ${regress} is missing; install openssh-tests, or name its folder in OPENSSH_REGRESS`);

async function write(): Promise<void> {
  const vectors = {
    source: "OpenSSH regress/unittests/{sshkey,sshsig,authopt}/testdata; addIdentity: ssh-add with misc/sk-dummy",
    keys: names("sshkey", /^(?!.*-cert).*\.pub$/)
      .filter((name) => existsSync(join(data("sshkey"), name.replace(".pub", ".fp"))))
      .map((name) => ({
        name,
        line: read("sshkey", name),
        fingerprint: read("sshkey", name.replace(".pub", ".fp")).trim(),
      })),
    certificates: [
      ...names("sshkey", /-cert\.pub$/).map((name) => ({ name, line: read("sshkey", name) })),
      ...names("authopt", /\.cert$/).map((name) => ({ name, line: read("authopt", name) })),
    ],
    securityKeyFiles: names("sshkey", /^e.*_sk\d(?:_pw)?$/).map((name) => ({
      name,
      text: read("sshkey", name),
      line: read("sshkey", name.replace("_pw", "") + ".pub"),
    })),
    signed: { data: read("sshsig", "signed-data"), namespace: read("sshsig", "namespace") },
    signatures: names("sshsig", /\.sig$/).map((name) => ({
      name,
      line: read("sshsig", name.replace(".sig", ".pub")),
      armored: read("sshsig", name),
    })),
    addIdentity: await recordAdds(),
  };
  const path = new URL("../../test-vectors/openssh-keys.json", import.meta.url);
  writeFileSync(path, `${JSON.stringify(vectors, undefined, 2)}\n`);
}

/** Folder of the data of a test. */
function data(folder: string): string {
  return join(regress, "unittests", folder, "testdata");
}

function read(folder: string, name: string): string {
  return readFileSync(join(data(folder), name), "utf8");
}

function names(folder: string, end: RegExp): string[] {
  return readdirSync(data(folder))
    .filter((name) => end.test(name) && !/^dsa|\.param\./.test(name))
    .sort();
}

/** Returns the requests with which `ssh-add` adds security keys and their certificates. */
async function recordAdds(): Promise<{ readonly type: string; readonly requests: readonly string[] }[]> {
  const folder = mkdtempSync(join(tmpdir(), "vectors-"));
  const keygen = (...args: string[]): void => void execFileSync("ssh-keygen", ["-q", ...args], { cwd: folder });
  const requests: string[] = [];
  const refusal = new Writer().string(Uint8Array.of(5)).finish();
  const server = createServer((socket) => {
    let held = Buffer.alloc(0);
    socket.on("data", (chunk) => {
      held = Buffer.concat([held, chunk]);
      while (held.length >= 4 && held.length >= 4 + held.readUInt32BE(0)) {
        const end = 4 + held.readUInt32BE(0);
        requests.push(toHex(held.subarray(4, end)));
        held = held.subarray(end);
        socket.write(refusal);
      }
    });
  });
  try {
    await new Promise<void>((resolve) => server.listen(join(folder, "agent"), resolve));
    keygen("-t", "ed25519", "-N", "", "-f", "ca");
    const added: { type: string; requests: string[] }[] = [];
    for (const type of ["ed25519-sk", "ecdsa-sk"]) {
      keygen("-w", provider, "-t", type, "-N", "", "-C", type, "-f", type);
      keygen("-s", "ca", "-I", "id", "-n", "root", "-V", "always:forever", `${type}.pub`);
      const env = { ...process.env, SSH_AUTH_SOCK: join(folder, "agent") };
      // It reports the refusals.
      await promisify(execFile)("ssh-add", ["-q", "-S", provider, type], { cwd: folder, env }).catch(() => {});
      added.push({ type, requests: requests.splice(0) });
    }
    return added;
  } finally {
    server.close();
    rmSync(folder, { recursive: true });
  }
}
