import type { GatewayEvent } from "@nacre/gateway";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { gatewayLog } from "../src/gateway/gateway-log.ts";

const MINUTE = 60_000;
const TIME = "2026-01-02T03:04:05.000Z";

beforeEach(() => void vi.useFakeTimers({ now: new Date(TIME) }));
afterEach(() => void vi.useRealTimers());

function refused(remoteAddress = "192.0.2.1", origin = "https://evil.example"): GatewayEvent {
  return { type: "refused", remoteAddress, origin, route: "websocket", reason: "origin", detail: "" };
}

function rejected(connection: number): GatewayEvent {
  return {
    type: "rejected",
    connection,
    remoteAddress: "192.0.2.1",
    origin: "https://example.org",
    reason: "lost",
    detail: "",
  };
}

function parked(connection: number): GatewayEvent {
  return { type: "parked", connection, remoteAddress: "192.0.2.1", origin: "https://example.org", bytes: 0 };
}

function logOf(kind: "text" | "json") {
  const lines: string[] = [];
  return { lines, ...gatewayLog(kind, (line) => lines.push(line)) };
}

test("twenty refusals a minute are written for each address and reason, whatever the client's text; the rest is counted", () => {
  const { lines, event } = logOf("text");
  for (let i = 1; i <= 50; i++) event(refused("192.0.2.1", `https://${i}.example`));
  for (let i = 1; i <= 30; i++) event(rejected(i));
  event(refused("192.0.2.2"));
  expect(lines).toHaveLength(41);
  vi.advanceTimersByTime(MINUTE);
  expect(lines.slice(41).map((line) => line.replace(/^\S+ /, ""))).toEqual([
    "repeated 30 more times: 192.0.2.1 refused at websocket: origin",
    "repeated 10 more times: 192.0.2.1 rejected: lost",
  ]);
  event(refused());
  expect(lines).toHaveLength(44);
});

test("refusals of more than 200 addresses are counted together", () => {
  const { lines, event, flush } = logOf("json");
  for (let i = 0; i < 1000; i++) event(refused(`192.0.${i >> 8}.${i & 255}`));
  expect(lines).toHaveLength(200);
  flush();
  expect(lines.slice(200)).toEqual([JSON.stringify({ time: TIME, event: "suppressed", count: 800 })]);
});

test("every event of an open connection is written", () => {
  const { lines, event } = logOf("json");
  for (let i = 1; i <= 1000; i++) event(parked(i));
  expect(lines).toHaveLength(1000);
});

test("events of the command are one line each, with escaped fields", () => {
  const { lines, note } = logOf("text");
  note("listening", { url: "ws://[::1]:80/\u001b[2J" });
  note("stopped");
  expect(lines).toEqual([`${TIME} listening ws://[::1]:80/\\x1b[2J`, `${TIME} stopped`]);
});
