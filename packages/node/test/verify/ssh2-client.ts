import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { randomData, sha256 } from "@nacre/testing/interop/data";
import ssh2, { type ConnectConfig } from "ssh2";
import { type ClientTask, DATA_LENGTH, type PeerRun, type Result } from "./settings.ts";

/** Connects to a server with ssh2's client. */
export async function driveSsh2({ port, hostKey, key, password, answers }: ClientTask): Promise<Result> {
  const client = new ssh2.Client();
  const prompts: unknown[] = [];
  client.on("keyboard-interactive", (name, instructions, _, questions, answer) => {
    prompts.push([name, instructions, questions.map(({ prompt, echo }) => [prompt, echo])]);
    answer([...(answers ?? [])]);
  });
  let version = "";
  // ssh2 reports this only here.
  const debug = (line: string): void => {
    version ||= /^Remote ident: '(.*)'$/.exec(line)?.[1] ?? "";
  };
  const config: ConnectConfig = {
    host: "127.0.0.1",
    port,
    username: "alice",
    hostVerifier: (blob: Buffer) => blob.toString("base64") === hostKey[1],
    debug,
    ...(key !== undefined && { privateKey: await readFile(key) }),
    ...(password !== undefined && { password }),
    ...(answers !== undefined && { tryKeyboard: true }),
  };
  try {
    const ready = once(client, "ready");
    client.connect(config);
    await ready;
  } catch (error) {
    if ((error as { readonly level?: string }).level !== "client-authentication") throw error;
    return { refused: true };
  }
  try {
    const data = randomData(DATA_LENGTH);
    return {
      version,
      refused: false,
      prompts,
      digest: sha256(data),
      simple: await run(client, "echo out; echo err >&2; exit 3"),
      cat: await run(client, "cat", data),
    };
  } finally {
    client.end();
  }
}

function run(client: ssh2.Client, command: string, input: Uint8Array = new Uint8Array()): Promise<PeerRun> {
  return new Promise((resolve, reject) => {
    client.exec(command, (error, channel) => {
      if (error !== undefined) {
        reject(error);
        return;
      }
      const [out, err]: [Buffer[], Buffer[]] = [[], []];
      channel.on("data", (chunk: Buffer) => out.push(chunk));
      channel.stderr.on("data", (chunk: Buffer) => err.push(chunk));
      channel.on("close", (status: number) => {
        const bytes = Buffer.concat(out);
        const text = bytes.length < 1000 ? bytes.toString() : sha256(bytes);
        resolve({ out: text, err: Buffer.concat(err).toString(), status });
      });
      channel.end(input);
    });
  });
}
