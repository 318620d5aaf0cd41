import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { PublicKey } from "@nacre/keys";
import { MIB, randomData, sha256 } from "@nacre/testing/interop/data";
import { type KeyFile, makeKey, readKey, useFolder } from "@nacre/testing/interop/keys";
import { expectQuiet, type OurServer, runPeer, ssh } from "@nacre/testing/interop/our-server";
import { putRemoteFile, removeRemoteFile } from "@nacre/testing/interop/remote-file";
import { fingerprintsOf, useServer } from "@nacre/testing/interop/server";
import { type Authenticate, connect, type ServerConnection, type Session, serve } from "nacre";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Listener, ownSockets } from "../sockets/own.ts";

// Tests `nacre` over byte streams of the runtime's own socket API, without Node's modules between `nacre` and the socket.

const data = randomData(16 * MIB);
const digest = { sha256: sha256(data), length: data.length };
const folder = useFolder();

describe("connect, to sshd", () => {
  const server = useServer();
  let remoteFile: string;
  beforeAll(async () => {
    remoteFile = await putRemoteFile(data);
  });
  afterAll(() => removeRemoteFile(remoteFile));

  async function login() {
    const streams = await (await ownSockets()).connect(server.sshd.port);
    return connect(streams, {
      user: "alice",
      hostKey: fingerprintsOf(server.sshd),
      identities: [server.key],
    });
  }

  test("runs a command", async () => {
    await using client = await login();
    const { stdout, stderr, status } = await client.exec("echo $((6 * 7)); echo aside >&2; exit 3");
    expect({ stdout, stderr, status }).toEqual({ stdout: "42\n", stderr: "aside\n", status: 3 });
  });

  test("uploads 16 MiB unchanged", async () => {
    await using client = await login();
    const { stdout, status } = await client.exec("sha256sum", { input: data });
    expect({ stdout, status }).toEqual({ stdout: `${digest.sha256}  -\n`, status: 0 });
  });

  test("downloads 16 MiB unchanged, with a rekey during the transfer", async () => {
    await using client = await login();
    const cat = await client.spawn(`cat ${remoteFile}`);
    const hash = createHash("sha256");
    let length = 0;
    for await (const chunk of cat.stdout) {
      if (length === 0) client.rekey();
      hash.update(chunk);
      length += chunk.length;
    }
    expect({ sha256: hash.digest("hex"), length }).toEqual(digest);
    expect(await cat.exit).toMatchObject({ status: 0 });
  });
});

describe("serve, to OpenSSH's ssh", () => {
  const connections: ServerConnection[] = [];
  let listener: Listener;
  let [key, hostKey]: KeyFile[] = [];
  beforeAll(async () => {
    [key, hostKey] = [await makeKey(folder, "user", "ed25519"), await makeKey(folder, "host", "ed25519")];
    const hostKeys = [await readKey(hostKey)];
    const { publicKey } = await readKey(key);
    listener = await (await ownSockets()).listen((streams) => {
      connections.push(serve(streams, { hostKeys, authenticate: byKey(publicKey), session: echo }));
    });
    await writeFile(join(folder.path, "known_hosts"), `[127.0.0.1]:${listener.port} ${hostKey.publicKeyLine}\n`);
  });
  afterAll(() => listener.close());

  test.for(["chacha20-poly1305@openssh.com", "aes128-gcm@openssh.com"])(
    "echoes 16 MiB unchanged with %s",
    async (cipher) => {
      const words = ["-o", `Ciphers=${cipher}`, "-o", "RekeyLimit=4M"];
      const peer = ssh({ port: listener.port, folder } as OurServer, { key: key!, words });
      const ran = await runPeer([...peer, "echo"], { input: data });
      expect({ sha256: sha256(ran.stdout), length: ran.stdout.length }).toEqual(digest);
      expectQuiet({ ...ran, status: ran.status === 3 ? 0 : ran.status });
      // The connection ends when ssh exits.
      await connections.at(-1)!.ended;
    },
  );
});

/** Copies stdin to stdout. Returns exit status 3. */
async function echo(session: Session): Promise<number> {
  await session.stdin.pipeTo(session.stdout);
  return 3;
}

/** Accepts logins with this key only. */
function byKey({ blob }: PublicKey): Authenticate {
  return (login) => login.method === "publickey" && sha256(login.publicKey) === sha256(blob);
}
