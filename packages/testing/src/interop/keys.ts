import { copyFile, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openPrivateKey, parsePublicKeyLine } from "@nacre/keyfiles";
import { fingerprint, type PrivateKey } from "@nacre/keys";
import { afterAll, beforeAll } from "vitest";
import { must } from "../openssh/run.ts";

export type KeyType = "ed25519" | "rsa-3072" | "ecdsa-256" | "ecdsa-384" | "ecdsa-521";

/** Key file created by the installed ssh-keygen. */
export interface KeyFile {
  readonly path: string;
  readonly publicKeyLine: string;
}

/** Creates a folder for this test file, removed at its end. */
export function useFolder(): { readonly path: string } {
  const folder = { path: "" };
  beforeAll(async () => {
    folder.path = await mkdtemp(join(tmpdir(), "nacre-interop-"));
  });
  afterAll(() => rm(folder.path, { recursive: true, force: true }));
  return folder;
}

export async function makeKey(
  folder: { readonly path: string },
  name: string,
  type: KeyType,
  passphrase = "",
): Promise<KeyFile> {
  const path = join(folder.path, name);
  const [kind = "", bits] = type.split("-");
  const size = bits === undefined ? [] : ["-b", bits];
  await must(["ssh-keygen", "-q", "-t", kind, ...size, "-N", passphrase, "-C", name, "-f", path]);
  return { path, publicKeyLine: (await readFile(`${path}.pub`, "utf8")).trimEnd() };
}

/** Reads the key of a file without a passphrase. */
export async function readKey({ path }: KeyFile): Promise<PrivateKey> {
  const opened = openPrivateKey(await readFile(path));
  if (opened.encrypted) throw new Error(`${path} is encrypted with a passphrase`);
  return opened.privateKey;
}

/** Returns the public key line without its comment: `type base64`. */
export function publicHalf({ publicKeyLine }: KeyFile): string {
  return publicKeyLine.split(" ").slice(0, 2).join(" ");
}

/** Returns the fingerprint in the form that `connect` accepts. */
export function fingerprintOf({ publicKeyLine }: KeyFile): `SHA256:${string}` {
  return fingerprint(parsePublicKeyLine(publicKeyLine).publicKey.blob, "sha256") as `SHA256:${string}`;
}

/** Returns a PKCS#8 copy of the key as text, for programs that cannot read OpenSSH's format. */
export async function textOfPkcs8({ path }: Pick<KeyFile, "path">): Promise<string> {
  const copy = `${path}.pkcs8`;
  await copyFile(path, copy);
  await must(["ssh-keygen", "-q", "-p", "-N", "", "-m", "PKCS8", "-f", copy]);
  return readFile(copy, "utf8");
}
