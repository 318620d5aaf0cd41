import { privateKeyFromFields } from "@nacre/keys";
import { expectError } from "@nacre/testing/errors";
import { keyVectors } from "@nacre/testing/keys";
import { securityKeyFiles } from "@nacre/testing/openssh-keys";
import { expect, test } from "vitest";
import { formatPrivateKey, openPrivateKey, publicKeyInside } from "../src/index.ts";
import { unsupportedKey } from "../src/unsupported.ts";

test("a key type named like an object property gets the advice for unknown types", () => {
  for (const kind of ["constructor", "toString", "__proto__"])
    expect(unsupportedKey(kind).message).toBe(
      `unsupported key type: ${kind}; use an Ed25519, ECDSA (nistp256, 384, 521) or RSA key`,
    );
});

test.each(securityKeyFiles)(
  "$name is the file of a security key: it gives its public key and says to use an agent",
  ({ text, blob }) => {
    expect(publicKeyInside(text)?.blob).toEqual(blob);
    expect(expectError("key-unsupported", () => openPrivateKey(text))).toContain("use the agent");
  },
);

test("only OpenSSH's private key files have a public key outside", () => {
  const { fields, blob } = keyVectors.find(({ format }) => format === "ecdsa-sha2-nistp256")!;
  const write = (format: "openssh" | "pkcs8" | "pem", passphrase = ""): string => {
    const writing = formatPrivateKey(privateKeyFromFields(fields), {
      format,
      passphrase,
      rounds: 1,
      random: (length) => new Uint8Array(length).fill(1),
    });
    for (;;) {
      const { done, value } = writing.next();
      if (done === true) return value;
    }
  };
  expect(publicKeyInside(write("openssh"))?.blob).toEqual(blob);
  expect(publicKeyInside(write("openssh", "secret"))?.blob).toEqual(blob);
  expect(publicKeyInside(write("pkcs8"))).toBeUndefined();
  expect(publicKeyInside(write("pem"))).toBeUndefined();
  expectError("file-malformed", () => publicKeyInside("no key"));
});
