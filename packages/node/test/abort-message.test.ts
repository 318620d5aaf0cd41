import { generateEd25519 } from "@nacre/keys";
import { expect, onTestFinished, test } from "vitest";
import { connect, listen } from "../src/index.ts";
import { counting } from "./support.ts";

const key = generateEd25519(counting);

const session = (): Promise<number> => new Promise((resolve) => setTimeout(resolve, 5000, 0));

test("a command that `AbortSignal.timeout` ends names host and port", async () => {
  const server = await listen({ port: 0, hostKeys: [key], authenticate: () => true, session });
  onTestFinished(() => server.close());
  const { port } = server.address;
  const login = { host: "127.0.0.1", port, user: "a", hostKey: () => true, agent: false, identities: [key] };
  const client = await connect(login);
  const message = `the command at 127.0.0.1 port ${port} timed out; its channel is closed`;
  await expect(client.exec("x", { signal: AbortSignal.timeout(50) })).rejects.toMatchObject({
    code: "aborted",
    message,
  });
  const controller = new AbortController();
  const process = await client.spawn("x", { signal: controller.signal });
  controller.abort(new DOMException("", "TimeoutError"));
  await expect(process.exit).rejects.toMatchObject({ code: "aborted", message });
  await client.close();
});
