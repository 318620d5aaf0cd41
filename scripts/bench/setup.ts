import { createHash } from "node:crypto";
import { once as onceEvent } from "node:events";
import { mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureContainer } from "../openssh/container.ts";
import { must } from "../openssh/run.ts";
import { authorizeKey, startSshd } from "../openssh/sshd.ts";
import { block, payload, payloadDigest } from "./payload.ts";
import { runSsh } from "./ssh-command.ts";
import type { Target } from "./tasks.ts";

/** A server that is ready to be measured against. */
export interface Prepared {
  readonly target: Target;
  readonly payloadFile: string;
  /** Where the server runs. */
  readonly where: string;
  /** `OpenSSH_10.0p2 …` as it says of itself. */
  readonly server: string;
  release(): Promise<void>;
}

/** Starts one server with an Ed25519 host key, makes a key that it takes, and puts the payload on both sides. */
export async function prepare(bytes: number): Promise<Prepared> {
  const container = await ensureContainer();
  const folder = await mkdtemp(join(tmpdir(), "nacre-bench-"));
  const release = async (): Promise<void> => {
    await container.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const keyFile = join(folder, "id_ed25519");
    await must(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "bench", "-f", keyFile]);
    await authorizeKey("alice", await readFile(`${keyFile}.pub`, "utf8"));
    const { host, port, hostPublicKeys } = await startSshd({ hostKeys: ["ed25519"] });
    const [type = "", blob = ""] = (hostPublicKeys[0] ?? "").split(" ");
    const knownHostsFile = join(folder, "known_hosts");
    await writeFile(knownHostsFile, `bench ${type} ${blob}\n`);
    const digest = createHash("sha256").update(Buffer.from(blob, "base64")).digest("base64");
    const target: Target = {
      host,
      port,
      user: "alice",
      privateKey: await readFile(keyFile, "utf8"),
      keyFile,
      knownHostsFile,
      hostKeyFingerprint: `SHA256:${digest.replace(/=+$/, "")}`,
    };
    const payloadFile = join(folder, "payload");
    const file = await open(payloadFile, "w");
    for (const piece of payload(bytes)) await file.write(piece);
    await file.close();
    await putPayload(target, folder, bytes);
    return { target, payloadFile, where: container.description, server: await identification(target), release };
  } catch (error) {
    await release();
    throw error;
  }
}

async function putPayload(target: Target, folder: string, bytes: number): Promise<void> {
  const inputFile = join(folder, "block");
  await writeFile(inputFile, block);
  const repeat = `i=0; while [ $i -lt ${Math.ceil(bytes / block.length)} ]; do cat block; i=$((i+1)); done`;
  const command = `cat >block && { ${repeat}; } | head -c ${bytes} >payload && sha256sum payload`;
  const { stdout } = await runSsh({ target, command, inputFile, output: "kept", timeoutMs: 120_000 });
  if (!stdout.startsWith(payloadDigest(bytes))) throw new Error(`the server has another payload: ${stdout}`);
}

async function identification({ host, port }: Target): Promise<string> {
  const socket = connect(port, host);
  socket.setTimeout(5000, () => socket.destroy(new Error("the server does not identify itself")));
  const [line] = (await onceEvent(socket, "data")) as [Buffer];
  socket.destroy();
  return (line.toString("latin1").split("\r\n")[0] ?? "").replace(/^SSH-2\.0-/, "");
}
