import fc from "fast-check";
import { expect, test } from "vitest";
import type { OpenHandle } from "../src/handles.ts";
import { type Access, RequestOrder } from "../src/request-order.ts";

interface Item {
  readonly access: Access;
}

const HANDLES = Array.from({ length: 3 }, () => ({}) as OpenHandle<unknown>);

const access: fc.Arbitrary<Access> = fc.record({
  handles: fc.array(fc.constantFrom(...HANDLES), { maxLength: 2 }),
  kind: fc.constantFrom("read", "write", "all"),
  start: fc.nat(20),
  end: fc.nat(20),
});

/** Returns whether two requests must not run together, as the draft has it. */
function conflict(a: Access, b: Access): boolean {
  if (!a.handles.some((handle) => b.handles.includes(handle))) return false;
  if (a.kind === "all" || b.kind === "all") return true;
  return (a.kind === "write" || b.kind === "write") && a.start < b.end && b.start < a.end;
}

test("a request runs as soon as no older request conflicts with it", () => {
  const steps = fc.array(fc.oneof(access, fc.nat(20)), { maxLength: 40 });
  fc.assert(
    fc.property(steps, (steps) => {
      const order = new RequestOrder<Item>();
      let items: Item[] = [];
      let running: Item[] = [];
      const free = (): Set<Item> =>
        new Set(items.filter((item, at) => !items.slice(0, at).some((older) => conflict(item.access, older.access))));
      for (const step of steps) {
        if (typeof step !== "number") {
          const item = { access: step };
          items.push(item);
          if (order.add(item)) running.push(item);
        } else if (running.length > 0) {
          const done = running[step % running.length]!;
          items = items.filter((item) => item !== done);
          running = [...running.filter((item) => item !== done), ...order.finish(done)];
        }
        const expected = free();
        expect(running.filter((item) => !expected.has(item))).toEqual([]);
        expect(running).toHaveLength(expected.size);
        expect(order.count).toBe(items.length);
        for (const handle of HANDLES)
          expect(order.uses(handle)).toBe(running.some(({ access }) => access.handles.includes(handle)));
      }
      order.dropWaiting();
      expect(order.count).toBe(running.length);
      for (const item of running) expect(order.finish(item)).toEqual([]);
      expect(order.count).toBe(0);
    }),
  );
});
