import { once } from "node:events";
import { expect, onTestFinished, test, vi } from "vitest";
import { BaseAgent } from "../../src/agent/agents.ts";
import { newClient, serve } from "./support.ts";

test("keeps nothing for each refused request to forward the agent", async () => {
  const target = await serve({}, (connection) => {
    connection.on("authentication", (context) => context.accept());
    connection.on("session", (accept) => void accept().on("auth-agent", (_grant, reject) => reject()));
  });
  const { client } = newClient();
  client.connect({ ...target, agent: new BaseAgent(), agentForward: true, authHandler: ["none"] });
  await once(client, "ready");
  let made = 0;
  vi.stubGlobal(
    "AbortController",
    class extends AbortController {
      constructor() {
        super();
        made++;
      }
    },
  );
  onTestFinished(() => void vi.unstubAllGlobals());
  const refused = (): Promise<string | undefined> =>
    new Promise((resolve) => void client.exec("true", {}, (error) => resolve(error?.message)));
  for (let i = 0; i < 3; i++) expect(await refused()).toBe("Unable to request agent forwarding");
  expect(made).toBe(1);
});

test("a callback of rekey is not called for the next connection, and is forgotten once called", async () => {
  const target = await serve();
  const { client } = newClient();
  const calls: string[] = [];
  client.connect(target);
  await once(client, "ready");
  client.rekey(() => calls.push("first")).destroy();
  await once(client, "close");
  client.connect(target);
  await once(client, "ready");
  const closeListeners = client.listenerCount("close");
  await new Promise<void>((resolve) => {
    client.rekey(() => {
      calls.push("second");
      resolve();
    });
  });
  expect(calls).toEqual(["second"]);
  expect([client.listenerCount("rekey"), client.listenerCount("close")]).toEqual([0, closeListeners]);
});
