// The worker of the tests. It connects to an SSH server over `cloudflare:sockets`, and answers with what happened.
import { connect as connectSocket } from "cloudflare:sockets";
import { connect, privateKey, SshError } from "nacre";
import { defaultAlgorithms } from "nacre/defaults";
import type { Outcome, Task } from "./task.ts";

/** Time for which the response stays open, in milliseconds. */
const OPEN_TIME = 15_000;

export default {
  /** Answers with one line. The response stays open, because workerd closes a request's sockets when it ends. */
  async fetch(request: Request): Promise<Response> {
    const task = (await request.json()) as Task;
    const outcome = await run(task).catch((error: unknown): Outcome => {
      return { error: error instanceof SshError ? error.code : String(error) };
    });
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const writer = writable.getWriter();
    void writer.write(new TextEncoder().encode(`${JSON.stringify(outcome)}\n`));
    setTimeout(() => void writer.close(), OPEN_TIME);
    return new Response(readable);
  },
};

async function run(task: Task): Promise<Outcome> {
  const ciphers = defaultAlgorithms.ciphers.filter(({ name }) => name === task.cipher);
  const client = await connect(connectSocket({ hostname: "127.0.0.1", port: task.port }), {
    user: "alice",
    identities: [await privateKey(task.key)],
    hostKey: task.hostKey,
    algorithms: { ...defaultAlgorithms, ciphers },
  });
  try {
    const { negotiated } = client.info;
    const cat = await client.spawn(`cat ${task.file}`);
    const chunks: Uint8Array[] = [];
    for await (const chunk of cat.stdout as unknown as AsyncIterable<Uint8Array>) {
      if (chunks.length === 0) client.rekey();
      chunks.push(chunk);
    }
    const data = new Uint8Array(await new Blob(chunks as Uint8Array<ArrayBuffer>[]).arrayBuffer());
    const { stdout, status } = await client.exec("sha256sum; exit 3", { input: data });
    return {
      downloaded: hex(await crypto.subtle.digest("SHA-256", data)),
      uploaded: stdout.split(" ")[0]!,
      length: data.length,
      status,
      kex: negotiated.kex.name,
      cipher: negotiated.clientToServer.cipher.name,
    };
  } finally {
    await client.close();
  }
}

function hex(bytes: ArrayBuffer): string {
  return [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
