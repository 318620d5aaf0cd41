import { MIB, randomData, sha256 } from "@nacre/testing/interop/data";
import { putRemoteFile, removeRemoteFile } from "@nacre/testing/interop/remote-file";
import { fingerprintsOf, type Server, useServer } from "@nacre/testing/interop/server";
import { password } from "@nacre/testing/openssh/sshd";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Login } from "./page/connect.ts";
import { startChromium } from "./support/chromium.ts";
import { useSite } from "./support/site.ts";
import { useBrowser } from "./support/use-browser.ts";

const server = useServer();
const eager = useServer({ config: ["RekeyLimit 1M"] });
const place = useSite(() => [server.sshd.port, eager.sshd.port]);
const running = useBrowser(startChromium);

const data = randomData(64 * MIB);
let file: string;
beforeAll(async () => {
  file = await putRemoteFile(data);
});
afterAll(() => removeRemoteFile(file));

function login({ sshd }: Server, limits?: Login["limits"]): Login {
  const hostKey = fingerprintsOf(sshd);
  return { host: "127.0.0.1", port: sshd.port, hostKey, password: password(), ...(limits && { limits }) };
}

const head = (length: number): string => `head -c ${length} ${file}`;

describe("a page in Chromium", () => {
  test("uploads 64 MiB", async () => {
    const page = await running.browser.open(place.site.origin);
    const { digest, stdout, exit } = await page.call("upload", login(server), "sha256sum", data.length);
    expect({ stdout, exit }).toEqual({ stdout: `${digest}  -\n`, exit: 0 });
  });

  test("downloads 64 MiB", async () => {
    const page = await running.browser.open(place.site.origin);
    const { digest, length, exit } = await page.call("download", login(server), head(data.length), data.length);
    expect({ digest, length, exit }).toEqual({ digest: sha256(data), length: data.length, exit: 0 });
  });

  test("resizes a terminal, and the remote command sees the new size", async () => {
    const page = await running.browser.open(place.site.origin);
    const before = { columns: 80, rows: 24 };
    const after = { columns: 132, rows: 50 };
    const command = "stty -echo; stty size; read -r _; stty size";
    expect(await page.call("resizeTerminal", login(server), command, before, after)).toBe("24 80\r\n50 132\r\n");
  });
});

// If a rekey is due after 1 MiB, the peer may still send up to its window before our KEXINIT reaches it.
const WINDOW = 256 * 1024;
const OPENSSH_WINDOW = 2 * MIB;
const ours = { rekeyBytes: MIB, initialWindow: WINDOW, maxWindow: WINDOW };

describe.each([
  { who: "the page rekeys", to: server, limits: ours, window: WINDOW },
  { who: "OpenSSH rekeys", to: eager, limits: undefined, window: OPENSSH_WINDOW },
])("in mid-transfer, $who each MiB", ({ to, limits, window }) => {
  const part = data.subarray(0, 8 * MIB);

  test("of 8 MiB up", async () => {
    const page = await running.browser.open(place.site.origin);
    const { digest, stdout, observed } = await page.call("upload", login(to, limits), "sha256sum", part.length);
    expect(stdout).toBe(`${digest}  -\n`);
    expect(observed.exchanges - 1).toBeGreaterThanOrEqual(Math.floor(part.length / (MIB + OPENSSH_WINDOW)));
  });

  test("of 8 MiB down", async () => {
    const page = await running.browser.open(place.site.origin);
    const { digest, length, observed } = await page.call("download", login(to, limits), head(part.length), part.length);
    expect({ digest, length }).toEqual({ digest: sha256(part), length: part.length });
    expect(observed.exchanges - 1).toBeGreaterThanOrEqual(Math.floor(part.length / (MIB + window)));
  });
});
