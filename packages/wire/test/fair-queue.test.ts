import { FairQueue, type QueuedWork } from "@nacre/wire";
import { describe, expect, it } from "vitest";

/** A queue whose work is named, and the names of the work that has started. */
function queueOf(slots: number, maxWaiting = 100) {
  const queue = new FairQueue(slots, maxWaiting);
  const started: string[] = [];
  const works = new Map<string, QueuedWork>();
  return {
    started,
    add: (name: string, users: readonly string[], leaves = 0): boolean => {
      const work = { users, leaves, start: () => void started.push(name) };
      works.set(name, work);
      return queue.add(work);
    },
    leave: (name: string): void => queue.leave(works.get(name)!),
    done: (name: string): void => queue.done(works.get(name)!),
  };
}

describe("FairQueue", () => {
  it("gives a user half of the slots that others leave, rounded up", () => {
    const { add, started } = queueOf(8);
    for (const user of ["a", "b", "c", "d", "e"]) for (let i = 0; i < 8; i++) add(`${user}${i}`, [user]);
    expect(started).toEqual(["a0", "a1", "a2", "a3", "b0", "b1", "c0", "d0"]);
    const two = queueOf(2);
    for (const name of ["a0", "a1", "b0"]) two.add(name, [name[0]!]);
    expect(two.started).toEqual(["a0", "b0"]);
  });

  it("counts work for its login and its address, which always has two slots", () => {
    const two = queueOf(2);
    two.add("first", ["alice", "192.0.2.1"]);
    two.add("same login", ["alice", "192.0.2.2"]);
    two.add("same address", ["bob", "192.0.2.1"]);
    expect(two.started).toEqual(["first", "same address"]);
    const eight = queueOf(8);
    for (let i = 0; i < 8; i++) eight.add(`${i}`, [`login ${i}`, "192.0.2.1"]);
    expect(eight.started).toHaveLength(4);
  });

  it("prefers another login of the same address, and another address to a further login", () => {
    const { add, done, started } = queueOf(1);
    add("a0", ["alice", "192.0.2.1"]);
    add("a1", ["alice", "192.0.2.1"]);
    add("b0", ["bob", "192.0.2.1"]);
    add("c0", ["carol", "192.0.2.3"]);
    for (let i = 0; i < 3; i++) done(started.at(-1)!);
    expect(started).toEqual(["a0", "c0", "b0", "a1"]);
  });

  it("lets users wait in line, the one whose work started longest ago first", () => {
    const { add, done, started } = queueOf(1);
    for (const name of ["a0", "a1", "a2", "b0", "b1", "c0"]) add(name, [name[0]!]);
    for (let i = 0; i < 5; i++) done(started.at(-1)!);
    expect(started).toEqual(["a0", "b0", "c0", "a1", "b1", "a2"]);
  });

  it("keeps slots free for work that leaves fewer", () => {
    const { add, done, started } = queueOf(2);
    add("unlisted a", ["a"], 1);
    add("unlisted b", ["b"], 1);
    expect(started).toEqual(["unlisted a"]);
    add("listed c", ["c"]);
    expect(started).toEqual(["unlisted a", "listed c"]);
    done("listed c");
    expect(started).toHaveLength(2);
    done("unlisted a");
    expect(started.at(-1)).toBe("unlisted b");
  });

  it("keeps no work waiting that leaves slots, while work that leaves none has the others", () => {
    const { add, done, started } = queueOf(2);
    add("listed a", ["a"]);
    add("unlisted b", ["b"], 1);
    expect(started).toEqual(["listed a", "unlisted b"]);
    for (const name of ["listed c", "listed d"]) add(name, [name]);
    add("unlisted e", ["e"], 1);
    done("listed a");
    done("unlisted b");
    done("listed c");
    expect(started.slice(2)).toEqual(["listed c", "listed d", "unlisted e"]);
  });

  it("refuses work of a user for whom too much waits, and no other's", () => {
    const { add, leave, started } = queueOf(1, 2);
    expect(["a0", "a1", "a2", "a3"].map((name) => add(name, ["a"]))).toEqual([true, true, true, false]);
    expect(add("b0", ["b"])).toBe(true);
    leave("a1");
    expect(add("a4", ["a"])).toBe(true);
    expect(started).toEqual(["a0"]);
  });

  it("lets a login wait beside another one of its address for which too much waits", () => {
    const { add } = queueOf(1, 2);
    const names = ["a0", "a1", "a2", "a3"];
    expect(names.map((name) => add(name, ["alice", "192.0.2.1"]))).toEqual([true, true, true, false]);
    expect(["b0", "b1"].map((name) => add(name, ["bob", "192.0.2.1"]))).toEqual([true, true]);
    expect(add("c0", ["carol", "192.0.2.1"])).toBe(false);
  });

  it("forgets work that leaves, so that the next starts in its place", () => {
    const { add, leave, done, started } = queueOf(1);
    for (const name of ["a0", "b0", "c0"]) add(name, [name[0]!]);
    leave("b0");
    leave("a0");
    done("a0");
    expect(started).toEqual(["a0", "c0"]);
  });

  it("starts work that is added while other work starts or ends", () => {
    const queue = new FairQueue(2, 10);
    const order: string[] = [];
    const inner = { users: ["b"], leaves: 0, start: () => void order.push("inner") };
    queue.add({ users: ["a"], leaves: 0, start: () => void (order.push("outer"), queue.add(inner)) });
    expect(order).toEqual(["outer", "inner"]);
  });
});
