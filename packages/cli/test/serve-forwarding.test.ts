import type { ConnectContext } from "nacre";
import { expect, test } from "vitest";
import { serveForwarding } from "../src/serve/serve-forwarding.ts";

/** Returns whether a name with this address is dialled for such a login, or denied. */
function dialled(exec: boolean, forcedCommand: string | undefined, address: string): Promise<string> {
  const forwarding = serveForwarding({ lookup: async () => [address], connectTimeout: 1000 }, exec);
  const context = { user: "alice", factors: [], forcedCommand, signal: new AbortController().signal };
  // A dial that is refused by the system fails in another way than a forbidden one.
  return forwarding.connect!({ host: "name", port: 1 }, context as unknown as ConnectContext).then(
    (duplex) => duplex.close().then(() => "dialled"),
    (error: unknown) => ((error as { code?: string }).code === "forward-denied" ? "denied" : "dialled"),
  );
}

// The name of this test is in packages/testing/src/attacks/rows/edges.ts.

test("nacre serve: forwarding to this machine · server", async () => {
  for (const address of ["127.0.0.1", "::1"]) {
    expect(await dialled(true, undefined, address)).toBe("dialled");
    expect(await dialled(true, "internal-sftp", address)).toBe("denied");
    expect(await dialled(true, "", address)).toBe("denied");
    expect(await dialled(false, undefined, address)).toBe("denied");
  }
  expect(await dialled(true, undefined, "169.254.169.254")).toBe("denied");
});
