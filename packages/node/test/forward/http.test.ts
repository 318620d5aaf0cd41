import { once } from "node:events";
import { createServer, get, type IncomingMessage, type RequestListener, type Server } from "node:http";
import { createServer as createHttpsServer, get as httpsGet } from "node:https";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { connect as tlsConnect } from "node:tls";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { httpAgent, httpsAgent } from "../../src/http.ts";
import { codeOf, socketPath, temporaryFolder } from "../support.ts";
import { certificate } from "./certificate.ts";
import { forwarded, prohibit } from "./support.ts";

const greet: RequestListener = (request, response) => void response.end(`${request.method} ${request.headers.host}`);

async function started(server: Server, path?: string): Promise<number> {
  onTestFinished(() => server.close().closeAllConnections());
  if (path === undefined) server.listen(0, "127.0.0.1");
  else server.listen(path);
  await once(server, "listening");
  return path === undefined ? (server.address() as AddressInfo).port : 0;
}

async function answerTo(request: ReturnType<typeof get>): Promise<string> {
  const [response] = (await once(request, "response")) as [IncomingMessage];
  return text(response);
}

describe("httpAgent", () => {
  it("sends requests to its target, regardless of the URL's host", async () => {
    const port = await started(createServer(greet));
    const { ssh, targets } = await forwarded();
    const agent = httpAgent(ssh, { host: "127.0.0.1", port });
    expect(await answerTo(get("http://intranet.example/", { agent }))).toBe("GET intranet.example");
    expect(targets).toEqual([`127.0.0.1:${port}`]);
  });

  it("reuses a connection with keepAlive, and opens more for concurrent requests", async () => {
    const port = await started(createServer(greet));
    const { ssh, targets } = await forwarded();
    const agent = httpAgent(ssh, { host: "127.0.0.1", port }, { keepAlive: true });
    onTestFinished(() => agent.destroy());
    const url = "http://intranet.example/";
    for (let i = 0; i < 3; i++) expect(await answerTo(get(url, { agent }))).toBe("GET intranet.example");
    expect(targets).toHaveLength(1);
    await Promise.all([1, 2, 3].map(() => answerTo(get(url, { agent }))));
    expect(targets).toHaveLength(3);
  });

  it("without a target, connects to the URL's host or the request's Unix socket", async () => {
    const path = socketPath(await temporaryFolder(), "http.sock");
    const port = await started(createServer(greet));
    await started(createServer(greet), path);
    const { ssh, targets } = await forwarded();
    const agent = httpAgent(ssh);
    expect(await answerTo(get(`http://localhost:${port}/`, { agent }))).toBe(`GET localhost:${port}`);
    expect(await answerTo(get(`http://127.0.0.1:${port}/`, { agent }))).toBe(`GET 127.0.0.1:${port}`);
    expect(await answerTo(get({ socketPath: path, agent }))).toBe("GET localhost");
    expect(targets).toEqual([`localhost:${port}`, `127.0.0.1:${port}`, path]);
  });

  it("fails a request with the error of the dial", async () => {
    const { ssh } = await forwarded(prohibit);
    const request = get("http://intranet.example/", { agent: httpAgent(ssh) });
    expect(await codeOf(once(request, "response"))).toBe("forward-denied");
  });

  it("supports request timeouts", async () => {
    const port = await started(createServer(() => {}));
    const { ssh } = await forwarded();
    const request = get("http://intranet.example/", {
      agent: httpAgent(ssh, { host: "127.0.0.1", port }),
      timeout: 50,
    });
    request.on("error", () => {});
    await once(request, "timeout");
    request.destroy();
  });
});

describe("httpsAgent", () => {
  it("checks the certificate against the URL's host", async () => {
    const port = await started(createHttpsServer(certificate, greet));
    const { ssh } = await forwarded();
    const agent = httpsAgent(ssh, { host: "127.0.0.1", port }, { ca: certificate.cert, keepAlive: true });
    onTestFinished(() => agent.destroy());
    expect(await answerTo(httpsGet("https://localhost/", { agent }))).toBe("GET localhost");
    expect(await codeOf(answerTo(httpsGet("https://intranet.example/", { agent })))).toBe(
      "ERR_TLS_CERT_ALTNAME_INVALID",
    );
  });
});

describe("tls.connect", () => {
  it("runs over a `ForwardSocket`", async () => {
    const port = await started(createHttpsServer(certificate, greet));
    const { ssh } = await forwarded();
    const socket = ssh.socket({ host: "127.0.0.1", port });
    const tls = tlsConnect({ socket, ca: certificate.cert, servername: "localhost" });
    await once(tls, "secureConnect");
    // Without an end: a server that has closed resets the connection when more arrives.
    tls.write("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    expect(await text(tls)).toContain("GET localhost");
    await vi.waitFor(() => expect(socket.destroyed).toBe(true), 10_000);
  });
});
