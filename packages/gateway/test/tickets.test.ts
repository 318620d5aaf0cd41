import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { describe, expect, test } from "vitest";
import { createGateway, type GatewayOptions, memoryTicketStore } from "../src/index.ts";
import {
  echo,
  ORIGIN,
  Page,
  pageSocket,
  refusedWith,
  type Started,
  startGateway,
  tcpServer,
  ticketFor,
} from "./support.ts";

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
  readonly cookie: string | undefined;
}

/** Sends a request to the ticket route. */
async function ask(
  { port }: Started,
  method: string,
  headers: Record<string, string | undefined> = {},
  body?: string,
): Promise<Answer> {
  const given = Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined));
  const one = httpRequest({
    host: "127.0.0.1",
    port,
    path: "/ssh/ticket",
    method,
    headers: given as Record<string, string>,
  });
  one.on("error", () => {});
  one.end(body);
  const [response] = await once(one, "response");
  let text = "";
  for await (const chunk of response) text += String(chunk);
  return { status: response.statusCode, body: JSON.parse(text), cookie: response.headers["set-cookie"]?.[0] };
}

/** Starts a gateway that serves pages of its own origin, and requests the cookie and token of such a page. */
async function sameOrigin(options: Partial<GatewayOptions> = {}) {
  const { port: target } = await tcpServer(echo);
  const started = await startGateway({
    // The port is not known yet, so requests use this host name.
    origins: ["http://app.localhost"],
    hosts: ["app.localhost"],
    allow: [`127.0.0.1:${target}`],
    authorize: () => true,
    ...options,
  });
  const { body, cookie } = await ask(started, "GET", { host: "app.localhost" });
  const headers: Record<string, string | undefined> = {
    host: "app.localhost",
    origin: "http://app.localhost",
    cookie: cookie!.split(";")[0]!,
    "x-csrf-token": String(body.csrfToken),
    "content-type": "application/json",
  };
  const place = JSON.stringify({ host: "127.0.0.1", port: target });
  const post = (change: Record<string, string | undefined> = {}, body = place): Promise<Answer> =>
    ask(started, "POST", { ...headers, ...change }, body);
  const page = (ticket: string, change: Record<string, string | undefined> = {}): Page => {
    const { cookie, ...rest } = { host: headers.host, cookie: headers.cookie, ...change };
    const sent = { ...rest, ...(cookie !== undefined && { cookie }) } as Record<string, string>;
    return new Page(started.url, { ticket, port: target }, { origin: "http://app.localhost", headers: sent });
  };
  return { ...started, target, cookie: cookie!, post, page };
}

describe("a ticket", () => {
  test("is valid for one WebSocket only", async () => {
    const { port } = await tcpServer(echo);
    const { gateway, url, event } = await startGateway({ allow: [`127.0.0.1:${port}`] });
    const ticket = await ticketFor(gateway, port);
    await new Page(url, { ticket, port }).opened;
    expect(await new Page(url, { ticket, port }).refused()).toBe("ticket-refused");
    expect(await event("rejected")).toMatchObject({ reason: "ticket-refused", detail: "unknown, used or expired" });
  });

  test("that was never issued is refused before the destination is dialled", async () => {
    const sockets: unknown[] = [];
    const { port } = await tcpServer((socket) => void sockets.push(socket));
    const { url } = await startGateway({ allow: [`127.0.0.1:${port}`] });
    for (const ticket of ["", "x", "A".repeat(43)])
      expect(await new Page(url, { ticket, port }).refused()).toBe("ticket-refused");
    expect(sockets).toEqual([]);
  });

  test("is required even if the store has a value for every key", async () => {
    const { port } = await tcpServer(echo);
    const value = JSON.stringify({ origin: ORIGIN, host: "127.0.0.1", port });
    const tickets = { put: () => {}, take: () => value, delete: () => {} };
    const { url } = await startGateway({ allow: [`127.0.0.1:${port}`], tickets });
    expect(await new Page(url, { ticket: "", port }).refused()).toBe("ticket-refused");
    await new Page(url, { ticket: "A".repeat(43), port }).opened;
  });

  test("is valid for its destination, origin and HTTP session only, and any other use consumes it", async () => {
    const { port } = await tcpServer(echo);
    const other = await tcpServer(echo);
    const { gateway, url, events } = await startGateway({
      origins: [ORIGIN, "https://other.example.org"],
      allow: [`127.0.0.1:${port}`, `127.0.0.1:${other.port}`],
      sessionOf: ({ headers }) => headers.cookie,
    });
    const issue = async (session: string | undefined): Promise<string> =>
      (await gateway.issueTicket({ origin: ORIGIN, host: "127.0.0.1", port, session })).ticket;
    const page = (ticket: string, to = port, options = {}): Page => new Page(url, { ticket, port: to }, options);
    for (const make of [
      async () => page(await issue("alice"), other.port, { headers: { cookie: "alice" } }),
      async () =>
        page(await issue("alice"), port, { headers: { cookie: "alice" }, origin: "https://other.example.org" }),
      async () => page(await issue("alice"), port, { headers: { cookie: "bob" } }),
      async () => page(await issue("alice")),
    ])
      expect(await (await make()).refused()).toBe("ticket-refused");
    expect(events.map((event) => "detail" in event && event.detail)).toEqual([
      "issued for another destination",
      "issued for another origin",
      "issued for another session",
      "issued for another session",
    ]);
    await page(await issue("alice"), port, { headers: { cookie: "alice" } }).opened;
    await page(await issue(undefined), port, { headers: { cookie: "bob" } }).opened;
    const stolen = await issue("alice");
    expect(await page(stolen, port, { headers: { cookie: "bob" } }).closeName()).toBe("ticket-refused");
    expect(await page(stolen, port, { headers: { cookie: "alice" } }).closeName()).toBe("ticket-refused");
  });

  test("expires, and can be revoked", async () => {
    const { port } = await tcpServer(echo);
    let now = 0;
    const { gateway, url } = await startGateway({
      allow: [`127.0.0.1:${port}`],
      tickets: memoryTicketStore({ now: () => now }),
    });
    const early = await ticketFor(gateway, port);
    const late = await ticketFor(gateway, port);
    now = 29_999;
    await new Page(url, { ticket: early, port }).opened;
    now = 30_000;
    expect(await new Page(url, { ticket: late, port }).refused()).toBe("ticket-refused");
    const revoked = await ticketFor(gateway, port);
    await gateway.revokeTicket(revoked);
    expect(await new Page(url, { ticket: revoked, port }).refused()).toBe("ticket-refused");
  });

  test("lasts no longer than 30 seconds", () => {
    expect(() => createGateway({ origins: [ORIGIN], allow: [], limits: { ticketTime: 30_001 } })).toThrow(
      expect.objectContaining({ code: "usage" }),
    );
  });

  test("is stored under the hash of its secret, and appears in no event", async () => {
    const { port } = await tcpServer(echo);
    const put: string[] = [];
    const store = memoryTicketStore();
    const { gateway, url, events } = await startGateway({
      allow: [`127.0.0.1:${port}`],
      tickets: { ...store, put: (key, value, ttl) => (put.push(key, value), store.put(key, value, ttl)) },
    });
    const ticket = await ticketFor(gateway, port);
    expect(put[0]).toMatch(/^[0-9a-f]{64}$/);
    await new Page(url, { ticket, port }).opened;
    await new Page(url, { ticket, port }).closeName();
    expect(put.join("") + JSON.stringify(events)).not.toContain(ticket);
  });

  test("is not issued for an origin or destination that the gateway refuses", async () => {
    const { gateway } = await startGateway({ allow: ["ssh.example.org:22"] });
    const grant = { origin: ORIGIN, host: "ssh.example.org", port: 22, session: undefined };
    await expect(gateway.issueTicket({ ...grant, origin: "https://evil.example" })).rejects.toMatchObject({
      code: "usage",
    });
    await expect(gateway.issueTicket({ ...grant, port: 23 })).rejects.toMatchObject({ code: "usage" });
    const { gateway: open } = await startGateway({ allow: ["ssh.example.org:*", "*:*"] });
    for (const port of [-1, 0, 1.5, 65_536, Number.NaN])
      await expect(open.issueTicket({ ...grant, port })).rejects.toMatchObject({ code: "usage" });
    expect((await gateway.issueTicket({ ...grant, host: "SSH.example.org." })).ticket).toMatch(/^[\w-]{43}$/);
  });

  test("is refused if the store fails or does not answer", async () => {
    const { port } = await tcpServer(echo);
    const failures: [() => string | Promise<never>, string][] = [
      [() => Promise.reject(new Error("secret")), "the ticket store failed"],
      [() => "secret", "the ticket store failed"],
      [() => new Promise<never>(() => {}), "the ticket store did not answer within 20 ms"],
    ];
    for (const [take, detail] of failures) {
      const { gateway, url, event } = await startGateway({
        allow: [`127.0.0.1:${port}`],
        limits: { storeTimeout: 20 },
        tickets: { put: () => {}, take, delete: () => {} },
      });
      expect(await new Page(url, { ticket: await ticketFor(gateway, port), port }).closeName()).toBe("gateway-failed");
      expect(await event("rejected")).toMatchObject({ detail });
    }
  });

  test("that has expired takes no room in the store", async () => {
    let now = 0;
    const store = memoryTicketStore({ maxTickets: 2, now: () => now });
    await store.put("a", "1", 10);
    await store.put("b", "1", 20);
    now = 10;
    await store.put("c", "1", 10);
    expect(() => store.put("d", "1", 10)).toThrow(expect.objectContaining({ code: "gateway-refused" }));
    now = 20;
    await store.put("d", "1", 10);
    await store.put("e", "1", 10);
  });

  test("is rejected by a full store", async () => {
    const store = memoryTicketStore({ maxTickets: 2, now: () => 0 });
    await store.put("a", "1", 10);
    await store.put("b", "1", 10);
    expect(() => store.put("c", "1", 10)).toThrow(expect.objectContaining({ code: "gateway-refused" }));
  });
});

async function refusesPort(port: number): Promise<void> {
  const { post } = await sameOrigin({ allow: ["127.0.0.1:*"] });
  const body = JSON.stringify({ host: "127.0.0.1", port });
  expect(await post({}, body)).toMatchObject({ status: 403, body: { error: "destination" } });
}

describe("the ticket route", () => {
  test("issues a page of its own origin a ticket that is valid with the page's cookie only", async () => {
    const { cookie, post, page, event } = await sameOrigin({ authorize: () => ({ user: "alice" }) });
    expect(cookie).toMatch(/^__Host-nacre=[\w-]{43}; Path=\/; Secure; HttpOnly; SameSite=Strict$/);
    const { status, body } = await post();
    expect(status).toBe(200);
    expect(body.expiresIn).toBe(30_000);
    await page(String(body.ticket)).opened;
    expect(await event("opened")).toMatchObject({ user: "alice" });
    const other = await post();
    expect(await page(String(other.body.ticket), { cookie: undefined }).closeName()).toBe("ticket-refused");
  });

  test.each<[string, Record<string, string | undefined>, number, string]>([
    ["no origin", { origin: undefined }, 403, "origin"],
    ["another origin", { origin: "https://evil.example" }, 403, "origin"],
    ["another host", { host: "evil.example" }, 421, "host"],
    ["no cookie", { cookie: undefined }, 403, "session"],
    ["a cookie that the gateway did not set", { cookie: "__Host-nacre=x" }, 403, "session"],
    ["two cookies", { cookie: `__Host-nacre=${"a".repeat(43)}; __Host-nacre=${"b".repeat(43)}` }, 403, "session"],
    ["another cookie", { cookie: `__Host-nacre=${"a".repeat(43)}` }, 403, "csrf"],
    ["no token", { "x-csrf-token": undefined }, 403, "csrf"],
    ["a form's content type", { "content-type": "text/plain" }, 415, "body"],
  ])("refuses %s", async (_, change, status, error) => {
    const { post, event } = await sameOrigin();
    expect(await post(change)).toMatchObject({ status, body: { error } });
    expect(await event("refused")).toMatchObject({ route: "ticket", reason: error });
  });

  test.each<[string, NonNullable<GatewayOptions["sessionOf"]>]>([
    ["without an HTTP session of `sessionOf`", () => undefined],
    ["for which `sessionOf` throws", () => decodeURIComponent("%")],
  ])("refuses a page with the gateway's cookie but %s", async (_, sessionOf) => {
    const { post, gateway, target, page } = await sameOrigin({ sessionOf });
    expect(await post()).toMatchObject({ status: 403, body: { error: "session" } });
    const grant = { origin: "http://app.localhost", host: "127.0.0.1", port: target, session: "alice" };
    expect(await page((await gateway.issueTicket(grant)).ticket).refused()).toBe("ticket-refused");
  });

  test("refuses an origin that may connect but is not the gateway's own", async () => {
    const { post } = await sameOrigin({ origins: ["http://app.localhost", ORIGIN] });
    expect(await post({ origin: ORIGIN })).toMatchObject({ status: 403, body: { error: "origin" } });
  });

  test.each(["", "{", "[]", "null", '{"host":"127.0.0.1"}', '{"host":1,"port":22}'])(
    "refuses the body %j",
    async (text) => {
      const { post } = await sameOrigin();
      expect(await post({}, text)).toMatchObject({ status: 400, body: { error: "body" } });
    },
  );

  test("refuses a body of more than 4 KiB", async () => {
    const { post, target } = await sameOrigin();
    const place = (length: number): string => JSON.stringify({ host: "127.0.0.1", port: target }).padEnd(length);
    expect(await post({}, place(4096))).toMatchObject({ status: 200 });
    expect(await post({}, place(4097))).toMatchObject({ status: 400, body: { error: "body" } });
  });

  test("refuses a destination that is not allowed, before it asks the application", async () => {
    let asked = 0;
    const { post } = await sameOrigin({ authorize: () => ++asked > 0 });
    expect(await post({}, '{"host":"127.0.0.1","port":1}')).toMatchObject({ body: { error: "destination" } });
    expect(asked).toBe(0);
  });

  test("refuses port 65536, also if `allow` has every port", () => refusesPort(65_536));
  test.each([-1, 0])("refuses port %d, also if `allow` has every port", refusesPort);

  test.each<[string, GatewayOptions["authorize"]]>([
    ["everyone by default", undefined],
    ["a user that the application refuses", async () => false],
    [
      "everyone when the application throws",
      () => {
        throw new Error("secret");
      },
    ],
    ["everyone on an invalid decision", (() => ({})) as never],
    ["everyone on a truthy value", (() => "yes") as never],
  ])("refuses %s", async (_, authorize) => {
    const { post } = await sameOrigin({ authorize });
    expect(await post()).toMatchObject({ status: 403, body: { error: "unauthorized" } });
  });

  test("answers other methods with 405, and with 503 if the store fails", async () => {
    const { post, ...started } = await sameOrigin({
      tickets: { put: () => Promise.reject(new Error("secret")), take: () => undefined, delete: () => {} },
    });
    expect(await ask(started, "DELETE", { host: "app.localhost" })).toMatchObject({ status: 405 });
    expect(await post()).toMatchObject({ status: 503, body: { error: "store" } });
  });
});

/** Headers of requests that a page of another site can make its visitor's browser send (Fetch Metadata, Fetch §3.2). */
const FOREIGN = {
  fetch: { origin: "https://evil.example", "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors" },
  image: { "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" },
  sibling: { "sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors" },
  sandbox: { origin: "null", "sec-fetch-mode": "cors" },
  "old browser": { origin: "https://evil.example" },
};

/** Sends requests as such a page can, and expects that its visitor gets a ticket all the same. */
async function loop(headers: Readonly<Record<string, string>>): Promise<void> {
  const { page, post, ...started } = await sameOrigin({ limits: { maxNewPerSecondPerClient: 3 } });
  for (let i = 0; i < 3; i++) {
    const answer = await ask(started, "GET", { host: "app.localhost", ...headers });
    expect(answer).toMatchObject({
      status: expect.toBeOneOf(i === 0 ? [403] : [403, 429]) as number,
      cookie: undefined,
    });
    const form = { host: "app.localhost", "content-type": "text/plain", ...headers };
    expect((await ask(started, "POST", form, "{}")).status).toBeOneOf([403, 429]);
    const options = { origin: "https://evil.example", headers: { host: "app.localhost" } };
    expect(await refusedWith(pageSocket(started.url, options))).toBeOneOf([403, 429]);
  }
  expect(await started.event("refused")).toMatchObject({ route: "ticket", reason: "origin" });
  const { status, body } = await post();
  expect(status).toBe(200);
  await page(String(body.ticket)).opened;
}

/** Leads a visitor whose tunnel is open to the route, and expects that the tunnel resumes after its WebSocket is lost. */
async function lead(site: string): Promise<void> {
  const { cookie, post, page, ...started } = await sameOrigin();
  const { body } = await post();
  const open = page(String(body.ticket));
  await open.opened;
  // A navigation that another site starts carries no cookie with SameSite=Strict.
  const headers = { host: "app.localhost", "sec-fetch-site": site, "sec-fetch-mode": "navigate" };
  const answer = await ask(started, "GET", { ...headers, "sec-fetch-dest": "document" });
  expect(answer).toMatchObject({ status: 403, body: { error: "origin" } });
  open.lose();
  await started.event("parked");
  const options = {
    origin: "http://app.localhost",
    headers: { host: "app.localhost", cookie: (answer.cookie ?? cookie).split(";")[0]! },
  };
  expect(await open.attach(started.url, options)).toBe("attached");
}

describe("a page of another site", () => {
  test("that sends requests in a loop (fetch) uses up no rate of its visitor's address", () => loop(FOREIGN.fetch));
  test("that sends requests in a loop (image) uses up no rate of its visitor's address", () => loop(FOREIGN.image));
  test("that sends requests in a loop (old browser) uses up no rate of its visitor's address", () =>
    loop(FOREIGN["old browser"]));
  test.each(["sibling", "sandbox"] as const)(
    "that sends requests in a loop (%s) uses up no rate of its visitor's address",
    (page) => loop(FOREIGN[page]),
  );

  test("is refused at a rate of its own", async () => {
    const started = await sameOrigin({ limits: { maxNewPerSecondPerClient: 3 } });
    const statuses: number[] = [];
    for (let i = 0; i < 5; i++)
      statuses.push((await ask(started, "GET", { host: "app.localhost", ...FOREIGN.fetch })).status);
    expect(statuses).toContain(429);
  });

  test("that leads its visitor to the route (cross-site) replaces no cookie, so that a tunnel resumes afterwards", () =>
    lead("cross-site"));
  test("that leads its visitor to the route (same-origin) replaces no cookie, so that a tunnel resumes afterwards", () =>
    lead("same-origin"));
  test.each(["same-site", "none"])(
    "that leads its visitor to the route (%s) replaces no cookie, so that a tunnel resumes afterwards",
    lead,
  );
});

test("the ticket route refuses clients of other machines without TLS, for GET and POST", async () => {
  const { post, ...started } = await sameOrigin({ trustedProxies: ["127.0.0.1"], allowInsecure: false });
  const forwarded = { "x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "http" };
  const answer = await ask(started, "GET", { host: "app.localhost", ...forwarded });
  expect(answer).toMatchObject({ status: 403, body: { error: "insecure" }, cookie: undefined });
  expect(await post(forwarded)).toMatchObject({ status: 403, body: { error: "insecure" } });
  expect(await post({ ...forwarded, "x-forwarded-proto": "https" })).toMatchObject({ status: 200 });
});
