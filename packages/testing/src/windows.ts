import { stat } from "node:fs/promises";
import { isWindows, type System, thisSystem } from "@nacre/node/extend";
import { expect, onTestFinished, vi } from "vitest";

/** Windows, with the variables that it always has. The folders do not exist on any machine. */
export const WINDOWS: System = {
  platform: "win32",
  environment: { SystemRoot: "C:\\NoWindows", ProgramData: "C:\\NoProgramData" },
};

export const LINUX: System = { platform: "linux", environment: { SHELL: "/bin/zsh" } };

/** Lets Nacre find this system until the test has finished. Node itself goes on as on this machine: its paths keep their separator. */
export function onSystem({ platform, environment }: System): void {
  const spies = [
    vi.spyOn(thisSystem, "platform", "get").mockReturnValue(platform),
    vi.spyOn(thisSystem, "environment", "get").mockReturnValue(environment),
  ];
  onTestFinished(() => {
    for (const spy of spies) spy.mockRestore();
  });
}

/** Expects the permission bits of a file or folder. Windows has none. */
export async function expectMode(path: string, mode: number): Promise<void> {
  if (!isWindows()) expect((await stat(path)).mode & 0o777).toBe(mode);
}
