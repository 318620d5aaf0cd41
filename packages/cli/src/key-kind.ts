/** Returns the name that OpenSSH prints for a key format: ED25519, RSA, ECDSA. */
export function keyKind(format: string): string {
  if (format === "ssh-rsa") return "RSA";
  return format.startsWith("ecdsa-") ? "ECDSA" : format.slice("ssh-".length).toUpperCase();
}
