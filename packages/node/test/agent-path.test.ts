import { expect, test } from "vitest";
import { pageantPath } from "../src/keys/agent-path.ts";

function pathOf(platform: NodeJS.Platform, ...names: readonly string[]): string | undefined {
  return pageantPath({ platform, socket: undefined, user: () => "john", pipes: () => names });
}

test("pageantPath prefers Pageant's pipe, and knows none on other systems", () => {
  expect(pathOf("win32", "openssh-ssh-agent", "pageant.john.0a1b")).toBe("\\\\.\\pipe\\pageant.john.0a1b");
  expect(pathOf("win32", "openssh-ssh-agent", "pageant.jane.0a1b")).toBe("\\\\.\\pipe\\openssh-ssh-agent");
  expect(pathOf("win32", "other")).toBeUndefined();
  expect(pathOf("linux", "pageant.john.0a1b")).toBeUndefined();
});
