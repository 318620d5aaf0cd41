import { escapeText, SshError } from "@nacre/wire";

const SECURITY_KEY = "the secret is in a security key: plug it in, add it to ssh-agent and use the agent";

/** Kinds of key that are known and cannot be used from a file, and what to do instead. */
const ADVICE: ReadonlyMap<string, string> = new Map([
  ["ssh-dss", "DSA is obsolete and OpenSSH has dropped it; make a new key, as with ssh-keygen -t ed25519"],
  ["sk-ssh-ed25519@openssh.com", SECURITY_KEY],
  ["sk-ecdsa-sha2-nistp256@openssh.com", SECURITY_KEY],
  ["ssh-ed448", "make a key of another kind, as with ssh-keygen -t ed25519"],
  ["PuTTY PPK", "convert it with: puttygen FILE -O private-openssh -o NEW"],
  ["SSH.COM", "convert it with: ssh-keygen -i -f FILE"],
  ["SSH-1 RSA", "SSH version 1 is gone; make a new key, as with ssh-keygen -t ed25519"],
  ["RSASSA-PSS", "SSH has no such signatures; make a key of another kind, as with ssh-keygen -t ed25519"],
]);

/** The error for a private key of a kind that cannot be used: names the kind, and says what to do. */
export function unsupportedKey(kind: string): SshError {
  const advice = ADVICE.get(kind) ?? "use an Ed25519, ECDSA (nistp256, 384, 521) or RSA key";
  return new SshError(
    "key-unsupported",
    `keys of the kind ${escapeText(kind.slice(0, 64))} cannot be used from a file: ${advice}`,
  );
}
