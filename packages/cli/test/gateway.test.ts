import { once } from "node:events";
import { chmod, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer, Server } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { gateway } from "../src/gateway/gateway.ts";
import { temporaryFolder } from "./support.ts";

test("says why it cannot listen, and what to do", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void other.close());
  await once(other, "listening");
  const { port } = other.address() as AddressInfo;
  const start = gateway(["--origin", "https://a.example", "--allow", "b.example:22", "--port", `${port}`]);
  await expect(start).rejects.toMatchObject({
    code: "listen-failed",
    message: `cannot listen on 127.0.0.1 port ${port}: the port is in use; choose another port, or 0 for a free port`,
  });
});

test("accepts the TCP connections of all connections that --limit maxConnections permits", async () => {
  const most: number[] = [];
  const listen = vi.spyOn(Server.prototype, "listen").mockImplementation(function (this: Server) {
    most.push(this.maxConnections);
    throw new Error("no need to listen");
  });
  onTestFinished(() => listen.mockRestore());
  const words = ["--origin", "https://a.example", "--allow", "b.example:22"];
  for (const limit of [[], ["--limit", "maxConnections=100"], ["--limit", "maxConnections=50000"]])
    await expect(gateway([...words, ...limit])).rejects.toThrow("no need to listen");
  expect(most).toEqual([20_000, 10_100, 60_000]);
});

test("refuses a --limit that the gateway does not have, before it connects to the ticket store", async () => {
  const words = ["--origin", "https://a.example", "--allow", "b.example:22", "--tickets", "redis://127.0.0.1:1"];
  await expect(gateway([...words, "--limit", "maxConections=5"])).rejects.toMatchObject({
    code: "usage",
    message: expect.stringMatching(/^`limits` has no limit `maxConections`; it has maxConnections, /) as string,
  });
});

test("says with which code the ticket store refuses its password, and not the password", async () => {
  const store = createServer((socket) => void socket.once("data", () => socket.end("-WRONGPASS secret\r\n")));
  store.listen(0, "127.0.0.1");
  onTestFinished(() => void store.close());
  await once(store, "listening");
  const url = `redis://:secret@127.0.0.1:${(store.address() as AddressInfo).port}`;
  await expect(
    gateway(["--origin", "https://a.example", "--allow", "b.example:22", "--tickets", url]),
  ).rejects.toMatchObject({
    code: "connection-failed",
    message: "--tickets: cannot connect to the ticket store: the ticket store answered WRONGPASS",
  });
});

test("refuses an --issue-token of less than 32 characters", async () => {
  const folder = await temporaryFolder();
  const token = join(folder, "token");
  // A valid token does not start a gateway either, because the certificate is missing.
  const missing = join(folder, "missing");
  const words = ["--origin", "https://a.example", "--allow", "b.example:22", "--cert", missing, "--key", missing];
  const start = (): Promise<number> => gateway([...words, "--issue-token", token]);
  for (const text of ["", "t".repeat(31), `${"t".repeat(31)} ${"t".repeat(31)}`]) {
    await writeFile(token, `${text}\n`, { mode: 0o600 });
    await expect(start()).rejects.toMatchObject({ code: "usage" });
  }
  await writeFile(token, `${"t".repeat(32)}\n`);
  await expect(start()).rejects.toMatchObject({ code: "file-unreadable" });
});

async function refusesOpenFile(option: "--issue-token" | "--key"): Promise<void> {
  const folder = await temporaryFolder();
  const file = join(folder, "secret");
  await writeFile(file, `${"t".repeat(32)}\n`);
  const cert = join(folder, "cert");
  await writeFile(cert, "");
  const words = ["--origin", "https://a.example", "--allow", "b.example:22"];
  const start = (): Promise<number> =>
    gateway([...words, ...(option === "--key" ? ["--cert", cert] : ["--cert", cert, "--key", cert]), option, file]);
  for (const mode of [0o644, 0o604, 0o620, 0o602]) {
    await chmod(file, mode);
    await expect(start()).rejects.toMatchObject({
      code: "file-unreadable",
      message: expect.stringMatching(/secret.*other users can (?:read|write)/) as unknown,
    });
  }
  // Neither file is a key in PEM.
  await chmod(file, 0o600);
  await chmod(cert, 0o600);
  await expect(start()).rejects.toMatchObject({ code: "file-malformed" });
}

test("refuses a file of --issue-token that other users can read or write", () => refusesOpenFile("--issue-token"));
test("refuses a file of --key that other users can read or write", () => refusesOpenFile("--key"));
