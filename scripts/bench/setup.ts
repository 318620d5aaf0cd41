import { createHash } from "node:crypto";
import { once as onceEvent } from "node:events";
import { mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureContainer } from "@nacre/testing/openssh/container";
import { must } from "@nacre/testing/openssh/run";
import { authorizeKey, startSshd } from "@nacre/testing/openssh/sshd";
import { block, payload, payloadDigest } from "./bulk/payload.ts";
import { runSsh } from "./measure/ssh-command.ts";
import type { Place } from "./path/slow-path.ts";
import type { Target } from "./tasks.ts";

/** A server that clients can be measured with. */
export interface Prepared {
  readonly target: Target;
  readonly payloadFile: string;
  /** Description of the container or machine on which the server runs. */
  readonly where: string;
  /** Software version from the server's identification, such as `OpenSSH_10.0p2 …`. */
  readonly server: string;
  /** Starts another server in a network namespace, with the same users and files. */
  serverIn(place: Place): Promise<Target>;
  release(): Promise<void>;
}

/**
 * Starts a server, creates an authorized user key, and writes the payload on both sides: `bytes` bytes here for an upload, and `longest`
 * bytes at the server for the longest download.
 */
export async function prepare(bytes: number, longest: number): Promise<Prepared> {
  const container = await ensureContainer();
  const folder = await mkdtemp(join(tmpdir(), "nacre-bench-"));
  const release = async (): Promise<void> => {
    await container.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const keyFile = join(folder, "id_ed25519");
    const ecdsaFile = join(folder, "id_ecdsa");
    await must(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "bench", "-f", keyFile]);
    await must([
      "ssh-keygen",
      "-q",
      "-t",
      "ecdsa",
      "-b",
      "256",
      "-m",
      "PKCS8",
      "-N",
      "",
      "-C",
      "bench",
      "-f",
      ecdsaFile,
    ]);
    for (const file of [keyFile, ecdsaFile]) await authorizeKey("alice", await readFile(`${file}.pub`, "utf8"));
    const startServer = async (place?: Place): Promise<Target> => {
      const { host, port, hostPublicKeys } = await startSshd({
        hostKeys: ["ed25519", "ecdsa-256"],
        // OpenSSH implements these three, but does not offer them by default.
        config: [
          "KexAlgorithms +diffie-hellman-group14-sha256,diffie-hellman-group16-sha512,diffie-hellman-group18-sha512",
        ],
        ...(place !== undefined && { inNamespace: place }),
      });
      const hostKey = (type: string): string => hostPublicKeys.find((line) => line.startsWith(`${type} `)) ?? "";
      const knownHostsFile = join(folder, `known_hosts-${host}-${port}`);
      await writeFile(knownHostsFile, `bench ${hostKey("ssh-ed25519")}\n`);
      return {
        host,
        port,
        user: "alice",
        privateKey: await readFile(keyFile, "utf8"),
        keyFile,
        knownHostsFile,
        hostKeyFingerprint: fingerprint(hostKey("ssh-ed25519")),
        ecdsa: {
          privateKey: await readFile(ecdsaFile, "utf8"),
          hostKeyFingerprint: fingerprint(hostKey("ecdsa-sha2-nistp256")),
        },
      };
    };
    const target = await startServer();
    const payloadFile = join(folder, "payload");
    const file = await open(payloadFile, "w");
    for (const piece of payload(bytes)) await file.write(piece);
    await file.close();
    await putPayload(target, folder, longest);
    const server = await identification(target);
    return { target, payloadFile, where: container.description, server, serverIn: startServer, release };
  } catch (error) {
    await release();
    throw error;
  }
}

/** Returns the fingerprint of a key in a public key line. */
export function fingerprint(line: string): `SHA256:${string}` {
  const blob = Buffer.from(line.split(" ")[1] ?? "", "base64");
  return `SHA256:${createHash("sha256").update(blob).digest("base64").replace(/=+$/, "")}`;
}

async function putPayload(target: Target, folder: string, bytes: number): Promise<void> {
  const inputFile = join(folder, "block");
  await writeFile(inputFile, block);
  const repeat = `i=0; while [ $i -lt ${Math.ceil(bytes / block.length)} ]; do cat block; i=$((i+1)); done`;
  const command = `cat >block && { ${repeat}; } | head -c ${bytes} >payload && sha256sum payload`;
  const { stdout } = await runSsh({ target, command, inputFile, output: "kept", timeoutMs: 120_000 });
  if (!stdout.startsWith(payloadDigest(bytes))) throw new Error(`the payload at the server differs: ${stdout}`);
}

async function identification({ host, port }: Target): Promise<string> {
  const socket = connect(port, host);
  socket.setTimeout(5000, () => socket.destroy(new Error("the server sent no identification within 5 s")));
  const [line] = (await onceEvent(socket, "data")) as [Buffer];
  socket.destroy();
  return (line.toString("latin1").split("\r\n")[0] ?? "").replace(/^SSH-2\.0-/, "");
}
