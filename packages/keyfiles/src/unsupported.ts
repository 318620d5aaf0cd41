import { escapeText, SshError } from "@nacre/wire";

const SECURITY_KEY = "connect the security key, add the key to ssh-agent and use the agent";

/** Advice for known types of key that cannot be used from a file. */
const ADVICE: ReadonlyMap<string, string> = new Map([
  ["ssh-dss", "DSA is obsolete and removed from OpenSSH, so make a new key with `ssh-keygen -t ed25519`"],
  ["sk-ssh-ed25519@openssh.com", SECURITY_KEY],
  ["sk-ecdsa-sha2-nistp256@openssh.com", SECURITY_KEY],
  ["ssh-ed448", "make a key of another type with `ssh-keygen -t ed25519`"],
  ["PPK", "pass `ppkFiles` in `forms`, or convert the file with `puttygen FILE -O private-openssh -o NEW`"],
  ["SSH.COM", "convert the file with `ssh-keygen -i -f FILE`"],
  ["SSH-1 RSA", "SSH version 1 is obsolete, so make a new key with `ssh-keygen -t ed25519`"],
  ["EC with explicit curve parameters", "name the curve with `openssl ec -in FILE -param_enc named_curve -out NEW`"],
  ["RSASSA-PSS", "SSH does not define these signatures, so make a key of another type with `ssh-keygen -t ed25519`"],
]);

/** Returns the error for a private key of an unsupported type, with advice. */
export function unsupportedKey(kind: string): SshError {
  const advice = ADVICE.get(kind) ?? "use an Ed25519, ECDSA (nistp256, 384, 521) or RSA key";
  return new SshError("key-unsupported", `unsupported key type: ${escapeText(kind.slice(0, 64))}; ${advice}`);
}
