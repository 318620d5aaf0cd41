import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rename } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { withLock } from "../openssh/lock.ts";
import { must } from "../openssh/run.ts";

/**
 * Compiles `go/NAME.go` with Debian's Go and golang.org/x/crypto into `~/.cache/nacre/go`, once for each version of the source. Returns the
 * path of the executable. The first compilation includes Go's standard library and takes half a minute.
 *
 * @throws if the source does not compile.
 */
export async function goProgram(name: "client" | "server"): Promise<string> {
  const source = fileURLToPath(new URL(`go/${name}.go`, import.meta.url));
  const digest = createHash("sha256")
    .update(await readFile(source))
    .digest("hex")
    .slice(0, 16);
  const cache = join(homedir(), ".cache", "nacre", "go");
  const program = join(cache, `${name}-${digest}`);
  if (existsSync(program)) return program;
  await mkdir(cache, { recursive: true });
  await withLock(join(cache, "lock"), async () => {
    if (existsSync(program)) return;
    const env = { GO111MODULE: "off", GOPATH: "/usr/share/gocode", GOCACHE: join(cache, "build"), GOFLAGS: "" };
    await must(["go", "build", "-o", `${program}.new`, source], { env, timeoutMs: 600_000 });
    await rename(`${program}.new`, program);
  });
  return program;
}
