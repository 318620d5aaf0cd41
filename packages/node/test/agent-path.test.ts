import { expect, test } from "vitest";
import { agentPath, pageantPath } from "../src/keys/agent-path.ts";

const pipes = (): readonly string[] => ["openssh-ssh-agent"];
const NOTHING = { socket: undefined, user: () => "john", pipes };

function pathOf(platform: NodeJS.Platform, ...names: readonly string[]): string | undefined {
  return pageantPath({ ...NOTHING, platform, pipes: () => names });
}

test("pageantPath prefers Pageant's pipe, and returns none on other systems", () => {
  expect(pathOf("win32", "openssh-ssh-agent", "pageant.john.0a1b")).toBe("\\\\.\\pipe\\pageant.john.0a1b");
  expect(pathOf("win32", "openssh-ssh-agent", "pageant.jane.0a1b")).toBe("\\\\.\\pipe\\openssh-ssh-agent");
  expect(pathOf("win32", "other")).toBeUndefined();
  expect(pathOf("linux", "pageant.john.0a1b")).toBeUndefined();
});

test("IdentityAgent SSH_AUTH_SOCK is the default agent, also on Windows without that variable", () => {
  const named = { SSH_AUTH_SOCK: "named" };
  expect(agentPath("SSH_AUTH_SOCK", {}, { ...NOTHING, platform: "win32", pipes })).toBe(
    "\\\\.\\pipe\\openssh-ssh-agent",
  );
  expect(agentPath("SSH_AUTH_SOCK", named, { ...NOTHING, platform: "win32", pipes })).toBe("named");
  expect(agentPath("SSH_AUTH_SOCK", {}, { ...NOTHING, platform: "linux", pipes })).toBeUndefined();
  expect(agentPath("SSH_AUTH_SOCK", named, { ...NOTHING, platform: "linux", pipes })).toBe("named");
});
