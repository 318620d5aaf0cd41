import { stat } from "node:fs/promises";
import { join } from "node:path";
import { generateEd25519 } from "@nacre/keys";
import { LINUX, onSystem, WINDOWS } from "@nacre/testing/windows";
import { base64Encode } from "@nacre/wire";
import { beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { hostKeyFile } from "../../src/index.ts";
import { withFileLock } from "../../src/keys/file-lock.ts";
import { readIfThere } from "../../src/keys/files.ts";
import { type HostOptions, knownHost } from "../../src/keys/known-hosts.ts";
import { withoutRevoked } from "../../src/keys/revoked-keys.ts";
import { codeOf, counting, hostOptions, temporaryFolder } from "../support.ts";

/** What this system's disk lacks: files with paths of Windows, and errors of files that another program has open. */
const disk = vi.hoisted(() => ({
  files: {} as Readonly<Record<string, string>>,
  read: [] as string[],
  refusal: (_path: string): string | undefined => undefined,
}));

vi.mock(import("node:fs/promises"), async (original) => {
  const fs = await original();
  const open = (async (path: string, ...rest: []) => {
    const code = disk.refusal(path);
    if (code !== undefined) throw Object.assign(new Error(`${code}: refused, open '${path}'`), { code });
    return fs.open(path, ...rest);
  }) as typeof fs.open;
  const readFile = (async (path: string, ...rest: []) => {
    disk.read.push(path);
    const text = disk.files[path];
    return text === undefined ? fs.readFile(path, ...rest) : Buffer.from(text);
  }) as typeof fs.readFile;
  return { ...fs, open, readFile };
});

beforeEach(() => {
  disk.files = {};
  disk.read.length = 0;
  disk.refusal = () => undefined;
});

const BLOB = "AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g";

/** Resolves with whether the key of a host counts, or the code of the error. */
async function outcome(options: HostOptions): Promise<string> {
  const known = await knownHost(options);
  const blob = new Uint8Array(Buffer.from(BLOB, "base64"));
  return codeOf((async () => known.verify({ algorithm: "ssh-ed25519", blob, fingerprint: "" }))());
}

/** Resolves with whether a lock file exists while the lock is held. */
function isLocked(path: string): Promise<boolean> {
  return withFileLock(
    path,
    () => {},
    () =>
      stat(`${path}.lock`).then(
        () => true,
        () => false,
      ),
  );
}

describe("the lock of known_hosts on Windows", () => {
  test("is waited for while the last one is being removed", async () => {
    onSystem(WINDOWS);
    const path = join(await temporaryFolder(), "known_hosts");
    let left = 3;
    disk.refusal = (file) => (file.endsWith(".lock") && left-- > 0 ? "EPERM" : undefined);
    expect([await isLocked(path), left]).toEqual([true, -1]);
  });

  test("is waited for while another process removes it after a long time", async () => {
    onSystem(WINDOWS);
    vi.useFakeTimers({ toFake: ["Date"] });
    onTestFinished(() => void vi.useRealTimers());
    const path = join(await temporaryFolder(), "known_hosts");
    const codes = ["EEXIST", "EPERM", undefined];
    disk.refusal = (file) => {
      if (!file.endsWith(".lock")) return undefined;
      vi.setSystemTime(Date.now() + 3000);
      return codes.shift();
    };
    expect([await isLocked(path), codes]).toEqual([true, []]);
  });

  test("is left out in a folder that stays read-only", async () => {
    onSystem(WINDOWS);
    const path = join(await temporaryFolder(), "known_hosts");
    disk.refusal = (file) => (file.endsWith(".lock") ? "EPERM" : undefined);
    const isDone = await withFileLock(
      path,
      () => {},
      async () => true,
    );
    expect(isDone).toBe(true);
  });
});

test("a new host key is restricted to the account, or a line says that it is not", async () => {
  // The programs of Windows are missing here.
  onSystem(WINDOWS);
  const path = join(await temporaryFolder(), "host_key");
  const warnings: string[] = [];
  const warn = (text: string): void => void warnings.push(text);
  const { publicKey } = await hostKeyFile(path, { warn });
  expect(warnings).toEqual([expect.stringContaining("other accounts may be able to read this key: icacls failed:")]);
  expect((await hostKeyFile(path, { warn })).publicKey.blob).toEqual(publicKey.blob);
  expect(warnings).toHaveLength(1);
});

describe("known hosts on Windows", () => {
  test("of all users are those of ProgramData, and never on the current drive", async () => {
    const line = `example.org ssh-ed25519 ${BLOB}\n`;
    const { options } = hostOptions("", { files: undefined, home: await temporaryFolder() });
    disk.files = { "/etc/ssh/ssh_known_hosts": line };
    onSystem(LINUX);
    expect(await outcome(options)).toBe("no error");
    onSystem(WINDOWS);
    expect(await outcome(options)).toBe("host-key-unknown");
    disk.files = { "C:\\NoProgramData\\ssh\\ssh_known_hosts": line };
    expect(await outcome(options)).toBe("no error");
    onSystem({ platform: "win32", environment: { ProgramData: "\\ProgramData" } });
    disk.read.length = 0;
    expect(await outcome(options)).toBe("host-key-unknown");
    expect(disk.read).toEqual([join(options.home!, ".ssh", "known_hosts")]);
  });

  test("are named by the path of their file as it is typed", async () => {
    onSystem(WINDOWS);
    const path = "C:\\Users\\alice\\known_hosts";
    const { blob } = generateEd25519(counting).publicKey;
    const key = `ssh-ed25519 ${base64Encode(blob)}\n`;
    const { options } = hostOptions(path, { globalFiles: [] });
    for (const [line, message] of [
      [`example.org ssh-ed25519 ${BLOB}\n`, ` (${path}:1);`],
      [`@revoked * ${key}`, ` is revoked in ${path}:1;`],
    ] as const) {
      disk.files = { [path]: line };
      const known = await knownHost(options);
      const verified = (async () => known.verify({ algorithm: "ssh-ed25519", blob, fingerprint: "" }))();
      await expect(verified).rejects.toThrow(message);
    }
    disk.files = { [path]: key };
    const verify = await withoutRevoked([path], undefined, () => true);
    const presented = { algorithm: "ssh-ed25519", blob, fingerprint: "" };
    expect(() => verify(presented)).toThrow(` is revoked in ${path};`);
  });

  test("are not stored in a null device, whichever of its names it has", async () => {
    onSystem(WINDOWS);
    for (const name of ["NUL", "/dev/null"]) {
      const added: string[] = [];
      const { options, warnings } = hostOptions(name, {
        globalFiles: [],
        unknownHost: () => true,
        added: (host) => void added.push(host),
      });
      expect(await outcome(options)).toBe("no error");
      expect([added, warnings]).toEqual([["example.org"], []]);
    }
    expect(await readIfThere("NUL")).toEqual(new Uint8Array());
  });
});
