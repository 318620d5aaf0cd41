import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { GatewayEvent } from "@nacre/gateway";
import { fingerprintsOf, useServer } from "@nacre/testing/interop/server";
import { password } from "@nacre/testing/openssh/sshd";
import type { Frame } from "playwright";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launchChromium, openPage, pageOf } from "./support/chromium.ts";
import { useSite } from "./support/site.ts";
import { useBrowser } from "./support/use-browser.ts";

// A visitor of the site opens another page, which uses the visitor's cookies and tries to reach the gateway.

const server = useServer();
const place = useSite(() => [server.sshd.port]);
const running = useBrowser(launchChromium);

let foreign: Server;
beforeAll(async () => {
  foreign = createServer((_, response) => void response.setHeader("content-type", "text/html").end("<p>Other page"));
  foreign.listen(0, "127.0.0.1");
  await once(foreign, "listening");
});
afterAll(async () => {
  foreign.closeAllConnections();
  foreign.close();
  await once(foreign, "close");
});
const foreignPort = (): number => (foreign.address() as AddressInfo).port;

/** Results of a page's attempts to reach a gateway. */
interface Attempts {
  /** Result of reading the CSRF token. */
  readonly token: string;
  /** Result of the request for a ticket as the site's own page makes it. */
  readonly ticket: string;
  /** Result of the same request without CORS, as a form makes it. */
  readonly form: string;
  /** Events of the WebSocket, and its close code. */
  readonly webSocket: string;
}

/** Runs in the page: makes each attempt, and describes its result. */
async function attempt([site, csrfToken, port]: readonly [string, string, number]): Promise<Attempts> {
  const url = `${site}/ssh/ticket`;
  const request = async (init: RequestInit): Promise<string> => {
    try {
      const { type, status } = await fetch(url, { credentials: "include", ...init });
      return `${type} ${status}`;
    } catch (error) {
      return (error as Error).name;
    }
  };
  const body = JSON.stringify({ host: "127.0.0.1", port });
  const headers = { "content-type": "application/json", "x-csrf-token": csrfToken };
  const token = await request({});
  const ticket = await request({ method: "POST", headers, body });
  const form = await request({ method: "POST", mode: "no-cors", body });
  const webSocket = await new Promise<string>((resolve) => {
    const socket = new WebSocket(`${site.replace("http", "ws")}/ssh`, ["binary", "nacre.v1"]);
    const seen: string[] = [];
    socket.onopen = () => {
      seen.push("open");
      socket.close();
    };
    socket.onclose = ({ code }) => resolve([...seen, code].join(" "));
  });
  return { token, ticket, form, webSocket };
}

/** Opens the site as its visitor, and returns the CSRF token that belongs to the visitor's cookie. */
async function visitSite() {
  const page = await openPage(running.browser, place.site.origin);
  const csrfToken = await page.evaluate(async () => {
    const response = await fetch("/ssh/ticket");
    return ((await response.json()) as { readonly csrfToken: string }).csrfToken;
  });
  expect((await page.context().cookies(place.site.origin)).map(({ name }) => name)).toEqual(["__Host-nacre"]);
  return { page, csrfToken };
}

const REFUSED: Attempts = { token: "TypeError", ticket: "TypeError", form: "opaque 0", webSocket: "1006" };

/** Makes the attempts in a page or a frame. Returns their results, and what the gateway refused meanwhile. */
async function attemptIn(frame: Pick<Frame, "evaluate">, csrfToken: string) {
  const { origin, events } = place.site;
  const before = events.length;
  const attempts = await frame.evaluate(attempt, [origin, csrfToken, server.sshd.port] as const);
  const refused = events.slice(before).map((event: GatewayEvent) => ({
    type: event.type,
    ...(event.type === "refused" && { route: event.route, reason: event.reason, origin: event.origin }),
  }));
  return { attempts, refused };
}

test("the visitor's own page gets a ticket and a connection", async () => {
  const { page, csrfToken } = await visitSite();
  const { attempts, refused } = await attemptIn(page, csrfToken);
  expect(attempts).toEqual({ token: "basic 200", ticket: "basic 200", form: "basic 403", webSocket: "open 1005" });
  expect(refused).toContainEqual({ type: "refused", route: "ticket", reason: "csrf", origin: place.site.origin });
  const hostKey = fingerprintsOf(server.sshd);
  const login = { host: "127.0.0.1", port: server.sshd.port, hostKey, password: password() };
  expect((await pageOf(page).call("run", login, "whoami")).stdout).toBe("alice\n");
});

describe.each([
  ["on another port of the same host, to which the visitor's cookie belongs too", "localhost", true],
  ["on another host", "127.0.0.1", false],
])("a page %s", (_, hostname, hasCookie) => {
  test("gets no ticket and no WebSocket, even if it knows the visitor's CSRF token", async () => {
    const { page, csrfToken } = await visitSite();
    const origin = `http://${hostname}:${foreignPort()}`;
    await page.goto(origin);
    const { attempts, refused } = await attemptIn(page, csrfToken);
    expect(attempts).toEqual(REFUSED);
    expect(refused).toContainEqual({ type: "refused", route: "ticket", reason: "origin", origin });
    expect(refused).toContainEqual({ type: "refused", route: "websocket", reason: "origin", origin });
    expect(place.site.gotCookieFrom(origin)).toBe(hasCookie);
  });
});

test("a sandboxed frame of the visitor's own page, with the origin null, gets no ticket and no WebSocket", async () => {
  const { page, csrfToken } = await visitSite();
  await page.evaluate(() => {
    const frame = document.createElement("iframe");
    frame.setAttribute("sandbox", "allow-scripts");
    frame.srcdoc = "<p>Sandboxed";
    document.body.append(frame);
    return new Promise((resolve) => (frame.onload = resolve));
  });
  const { attempts, refused } = await attemptIn(page.frames()[1]!, csrfToken);
  expect(attempts).toEqual(REFUSED);
  expect(refused).toContainEqual({ type: "refused", route: "ticket", reason: "origin", origin: "null" });
  expect(refused).toContainEqual({ type: "refused", route: "websocket", reason: "origin", origin: "null" });
});
