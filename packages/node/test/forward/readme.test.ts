import { once } from "node:events";
import { readFileSync } from "node:fs";
import * as http from "node:http";
import type { AddressInfo } from "node:net";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test, vi } from "vitest";
import { httpAgent } from "../../src/http.ts";
import { connectTo, forwarded } from "./support.ts";

// Runs the README's forwarding examples unchanged. Their imports are passed in.

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), "utf8");
const readme = read("../../README.md");
const rootReadme = read("../../../../README.md");

/** Returns a function with the code of the example that contains this text, without its imports. */
function example(text: string, names: readonly string[], from = readme): (...values: unknown[]) => Promise<void> {
  const block = [...from.matchAll(/^```js\n(.*?)^```$/gms)].find(([, code]) => code!.includes(text));
  const code = block![1]!.replaceAll(/^import .*;\n/gm, "");
  const AsyncFunction = (async () => {}).constructor as new (...code: readonly string[]) => () => Promise<void>;
  return new AsyncFunction(...names, code);
}

/** A server that connects every target to one server, and a client of it. */
async function toWeb(): Promise<Awaited<ReturnType<typeof forwarded>>> {
  const web = http.createServer((request, response) => response.end(`hello from ${request.url}`));
  web.listen(0, "127.0.0.1");
  onTestFinished(() => web.close().closeAllConnections());
  await once(web, "listening");
  const { port } = web.address() as AddressInfo;
  return forwarded((open) => connectTo(open, { host: "127.0.0.1", port }));
}

test("the forwardLocal example forwards a request", async () => {
  const { ssh, targets } = await toWeb();
  const log = vi.fn();
  await example("forwardLocal", ["ssh", "console"])(ssh, { log });
  expect(log).toHaveBeenCalledWith("hello from /");
  // Bun's fetch opens a second connection.
  expect([...new Set(targets)]).toEqual(["intranet:80"]);
});

test("the example in the project's README forwards a request", async () => {
  const { ssh, targets } = await toWeb();
  const log = vi.fn();
  await example("forwardLocal", ["ssh", "console"], rootReadme)(ssh, { log });
  expect(log).toHaveBeenCalledWith("hello from /");
  // Bun's fetch opens a second connection.
  expect([...new Set(targets)]).toEqual(["intranet:80"]);
});

test("the httpAgent example sends a request to a Unix socket", async () => {
  const { ssh, targets } = await toWeb();
  const stdout = new PassThrough();
  await example("httpAgent", ["ssh", "process", "get", "httpAgent"])(ssh, { stdout }, http.get, httpAgent);
  expect(await text(stdout)).toBe("hello from /version");
  expect(targets).toEqual(["/run/docker.sock"]);
});
