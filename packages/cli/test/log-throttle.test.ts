import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type ServeEvent, throttledLog } from "../src/serve/serve-log.ts";

const MINUTE = 60_000;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function throttle(): {
  readonly log: (event: ServeEvent) => void;
  readonly written: ServeEvent[];
  readonly flush: () => void;
} {
  const written: ServeEvent[] = [];
  const throttle = throttledLog((event) => written.push(event));
  return { log: (event) => throttle.log(event), written, flush: () => throttle.flush() };
}

/** Refused login on the connection with this number. Each connection has its own remote port. */
function refused(connection: number, user = "root", remoteAddress = "192.0.2.1"): ServeEvent {
  return { type: "login-refused", user, method: "password", connection, remoteAddress, remotePort: 1000 + connection };
}

describe("LogThrottle", () => {
  test("passes on twenty identical events a minute, then reports how many more there were", () => {
    const { log, written } = throttle();
    for (let i = 1; i <= 50; i++) log(refused(i));
    expect(written).toEqual(Array.from({ length: 20 }, (_, i) => refused(i + 1)));
    vi.advanceTimersByTime(MINUTE);
    expect(written.slice(20)).toEqual([
      { type: "repeated", count: 30, text: '192.0.2.1 login refused for "root" with password' },
    ]);
    log(refused(51));
    expect(written.at(-1)).toEqual(refused(51));
  });

  test("counts each address and each text separately", () => {
    const { log, written } = throttle();
    for (let i = 1; i <= 20; i++) log(refused(i));
    for (const event of [refused(21, "admin"), refused(22, "root", "192.0.2.2")]) {
      log(event);
      expect(written.at(-1)).toEqual(event);
    }
  });

  test("counts more than 200 different lines together, without their text", () => {
    const { log, written } = throttle();
    for (let i = 1; i <= 10_000; i++) log(refused(i, `user${i}`));
    expect(written).toHaveLength(200);
    // A line seen before the limit is still passed on.
    log(refused(1, "user1"));
    expect(written).toHaveLength(201);
    vi.advanceTimersByTime(MINUTE);
    expect(written.slice(201)).toEqual([{ type: "suppressed", count: 9800 }]);
  });

  test("passes on every login", () => {
    const { log, written } = throttle();
    const origin = { connection: 1, remoteAddress: "192.0.2.1", remotePort: 1000 };
    const login: ServeEvent = { ...origin, type: "login", user: "alice", factors: [{ method: "password" }] };
    for (let i = 1; i <= 50; i++) log(login);
    expect(written).toHaveLength(50);
  });

  test("reports the counts on flush", () => {
    const { log, written, flush } = throttle();
    for (let i = 1; i <= 21; i++) log(refused(i));
    flush();
    expect(written.at(-1)).toMatchObject({ type: "repeated", count: 1 });
    vi.advanceTimersByTime(2 * MINUTE);
    expect(written).toHaveLength(21);
  });
});
