import { copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { must } from "../openssh/run.ts";
import { type KeyFile, type KeyType, makeKey } from "./keys.ts";
import { eachOnce, type Factors, product } from "./pairwise.ts";

/** Types of keys in certificates, and of their authorities. */
export const CERTIFIED_TYPES: readonly KeyType[] = ["ed25519", "rsa-3072", "ecdsa-256", "ecdsa-384", "ecdsa-521"];

/** A login with a certificate at a host with one: the types of both keys and of their authorities, and where the user's key is. */
export interface CertificateCase {
  readonly key: KeyType;
  readonly authority: KeyType;
  readonly from: "a file" | "an agent";
  readonly host: KeyType;
  readonly hostAuthority: KeyType;
}

const USERS: Factors<Pick<CertificateCase, "key" | "authority" | "from">> = {
  key: CERTIFIED_TYPES,
  authority: CERTIFIED_TYPES,
  from: ["a file", "an agent"],
};
const HOSTS: Factors<Pick<CertificateCase, "host" | "hostAuthority">> = {
  host: CERTIFIED_TYPES,
  hostAuthority: CERTIFIED_TYPES,
};

/** Returns cases in which each value occurs. */
export function someCertificates(): CertificateCase[] {
  return eachOnce({ ...USERS, ...HOSTS });
}

/** Returns cases in which each user's certificate comes from each place, and each host's certificate occurs. */
export function allCertificates(): CertificateCase[] {
  const hosts = product(HOSTS);
  return product(USERS).map((user, at) => ({ ...user, ...hosts[at % hosts.length]! }));
}

/** Returns the name of the algorithm with which a key of this type signs in its certificate. */
export function certificateAlgorithm(type: KeyType): string {
  if (type.startsWith("ecdsa")) return `ecdsa-sha2-nistp${type.slice(6)}-cert-v01@openssh.com`;
  return `${type === "ed25519" ? "ssh-ed25519" : "rsa-sha2-512"}-cert-v01@openssh.com`;
}

/** Certifies a public key by ssh-keygen: writes `PATH-cert.pub` beside `PATH.pub`. `words` are its options. */
export async function certify(authority: KeyFile, path: string, words: readonly string[]): Promise<void> {
  await must(["ssh-keygen", "-q", "-s", authority.path, ...words, `${path}.pub`]);
}

/** Name of a user's key file, with a certificate for alice beside it. */
export const userFile = (type: KeyType, authority: KeyType): string => `user-${type}-by-${authority}`;

/** Name of a host's key file. */
export const hostFile = (type: KeyType): string => `host-${type}`;

/** Name of the certificate of a host's key for 127.0.0.1, without its ending `-cert.pub`. */
export const hostCertificate = (type: KeyType, authority: KeyType): string => `host-${type}-by-${authority}`;

/**
 * Makes keys of each type for a user and a host, and certificates of both by an authority of each type, whose ids are their names. Returns
 * the authorities. The file `authorities` has their public keys.
 */
export async function makeCertifiedKeys(folder: { readonly path: string }): Promise<ReadonlyMap<KeyType, KeyFile>> {
  const authorities = new Map<KeyType, KeyFile>();
  for (const type of CERTIFIED_TYPES) authorities.set(type, await makeKey(folder, `authority-${type}`, type));
  for (const type of CERTIFIED_TYPES) {
    const user = await makeKey(folder, `user-${type}`, type);
    const host = await makeKey(folder, hostFile(type), type);
    for (const [by, authority] of authorities) {
      const ofUser = join(folder.path, userFile(type, by));
      for (const ending of ["", ".pub"]) await copyFile(`${user.path}${ending}`, `${ofUser}${ending}`);
      await certify(authority, ofUser, ["-I", userFile(type, by), "-n", "alice"]);
      const ofHost = join(folder.path, hostCertificate(type, by));
      await copyFile(`${host.path}.pub`, `${ofHost}.pub`);
      await certify(authority, ofHost, ["-h", "-I", hostCertificate(type, by), "-n", "127.0.0.1"]);
    }
  }
  const lines = [...authorities.values()].map(({ publicKeyLine }) => `${publicKeyLine}\n`);
  await writeFile(join(folder.path, "authorities"), lines.join(""), { mode: 0o600 });
  return authorities;
}
