import { useServer } from "@nacre/testing/interop/server";
import { authorizeKey } from "@nacre/testing/openssh/sshd";
import { generateWebKey, importWebKey } from "@nacre/web/keys";
import { describe, expect, test } from "vitest";
import { KEY_KINDS, keyText } from "../../keys/support/key-texts.ts";

describe("an sshd lets in", () => {
  const server = useServer();

  test.for(["ssh-ed25519", "ecdsa-sha2-nistp256"] as const)("a new WebCrypto key: %s", async (algorithm) => {
    const key = await generateWebKey({ algorithm });
    await authorizeKey("alice", key.authorizedKeysLine("a page"));
    for (let i = 0; i < 4; i++) {
      const client = await server.connect({ identities: [key] });
      await client.close();
    }
  });

  test.for(KEY_KINDS)("an imported key: %s", async (kind) => {
    const key = await importWebKey((await keyText(kind, "openssh")).text);
    await authorizeKey("alice", key.authorizedKeysLine());
    await using client = await server.connect({ identities: [key] });
    expect((await client.exec("whoami")).stdout).toBe("alice\n");
  });
});

describe("an sshd that accepts RSA signatures with SHA-256 only", () => {
  const server = useServer({ config: ["PubkeyAcceptedAlgorithms ssh-ed25519,rsa-sha2-256"] });

  test("lets in an imported RSA key", async () => {
    const key = await importWebKey((await keyText("ssh-rsa", "openssh")).text);
    await authorizeKey("alice", key.authorizedKeysLine());
    await using client = await server.connect({ identities: [key] });
    expect((await client.exec("whoami")).stdout).toBe("alice\n");
  });
});
