import { FakeDuplex } from "@nacre/testing/nacre/fake-duplex";
import { forwardedAgent, type Session } from "nacre";
import { expect, test } from "vitest";
import { joinUsers } from "../../src/login/client/users.ts";
import { clientList } from "../../src/users/client-list.ts";
import { connected, pass, virtualTime } from "../reconnect/support.ts";

test("a command that waited offers the agent on the connection that it runs on", async () => {
  virtualTime();
  const opened: string[] = [];
  const session = async (one: Session): Promise<number> => {
    const openAgent = forwardedAgent(one);
    await openAgent?.();
    opened.push(`${one.command}: ${openAgent === undefined ? "none" : "agent"}`);
    return 0;
  };
  const login = { users: joinUsers(clientList), forwardAgent: () => new FakeDuplex() };
  const { client, network } = await connected(
    { session, acceptAgent: true, authenticate: () => ({ permissions: { agentForwarding: true } }) },
    {},
    login,
  );
  await client.exec("first");
  network.cut();
  await pass(1);
  const waiting = client.exec("second");
  network.state = "up";
  await pass(5);
  await waiting;
  expect(opened).toEqual(["first: agent", "second: agent"]);
});
