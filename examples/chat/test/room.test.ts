import { describe, expect, test } from "vitest";
import { LocalBus } from "../src/bus.ts";
import { delivered, TestGuest, testRoom } from "./support.ts";

describe("a room", () => {
  test("shows each message, join and leave to every guest", async () => {
    const { room, enter } = testRoom();
    const a = await enter("Ann");
    const b = await enter("bob");
    expect(await a.stay.say("hello")).toBeUndefined();
    expect(await b.stay.say(" hi\x1b[2J ")).toBeUndefined();
    a.stay.leave();
    await delivered();
    expect(a.guest.lines).toEqual(["welcome ann: ann", "ann joined", "bob joined", "ann: hello", "bob: hi[2J"]);
    expect(b.guest.lines).toEqual(["welcome bob: ann bob", "bob joined", "ann: hello", "bob: hi[2J", "ann left"]);
    expect(room.size).toBe(1);
  });

  test("refuses a name that is taken, until it is free", async () => {
    const { room, enter } = testRoom();
    const { stay } = await enter("ann");
    expect(await room.join("ANN", new TestGuest())).toEqual({ refused: "the name ann is taken; choose another" });
    stay.leave();
    await enter("ann");
  });

  test("gives a name to only one of two guests that join at once", async () => {
    const { room } = testRoom();
    const both = await Promise.all(["ann", "Ann"].map((name) => room.join(name, new TestGuest())));
    expect(both.filter((joined) => "refused" in joined)).toHaveLength(1);
  });

  test("refuses invalid names", async () => {
    const { room } = testRoom();
    expect(await room.join("<script>", new TestGuest())).toHaveProperty("refused", expect.stringContaining("letters"));
    expect(room.size).toBe(0);
  });

  test("refuses guests beyond the maximum, even if they join at once", async () => {
    const { room } = testRoom({ maxGuests: 2 });
    const all = await Promise.all(["a", "b", "c", "d"].map((name) => room.join(name, new TestGuest())));
    expect(all.filter((joined) => "refused" in joined)).toHaveLength(2);
    expect(room.size).toBe(2);
  });

  test("ignores a message without printable text", async () => {
    const { enter } = testRoom();
    const { guest, stay } = await enter("ann");
    expect(await stay.say(" \x1b ")).toBeUndefined();
    await delivered();
    expect(guest.lines).toEqual(["welcome ann: ann", "ann joined"]);
  });

  test("refuses a message that is too long", async () => {
    const { enter } = testRoom();
    const { guest, stay } = await enter("ann");
    expect(await stay.say("a".repeat(501))).toMatch(/too long/);
    await delivered();
    expect(guest.lines).toHaveLength(2);
  });

  test("refuses messages that come too fast, and allows them again later", async () => {
    const { enter, clock } = testRoom({ burst: 2, perSecond: 1 });
    const { guest, stay } = await enter("ann");
    const results = await Promise.all(["1", "2", "3"].map((text) => stay.say(text)));
    expect(results).toEqual([undefined, undefined, "too fast: wait a second"]);
    clock.now = 1000;
    expect(await stay.say("4")).toBeUndefined();
    expect(await stay.say("5")).toMatch(/too fast/);
    await delivered();
    expect(guest.lines.slice(2)).toEqual(["ann: 1", "ann: 2", "ann: 4"]);
  });

  test("ends the stay of a guest with too many refused messages in a row", async () => {
    const { room, enter, clock } = testRoom({ burst: 1, perSecond: 1, maxRefusals: 2 });
    const { guest, stay } = await enter("ann");
    await stay.say("1");
    await stay.say("2");
    clock.now = 1000;
    await stay.say("3");
    await stay.say("4");
    expect(guest.ends).toEqual([]);
    await stay.say("5");
    expect(guest.ends).toEqual(["too many refused messages"]);
    expect(room.size).toBe(0);
    expect(await stay.say("6")).toBe("you have left the room");
  });

  test("drops a slow reader, and everyone else gets every event in order", async () => {
    const { room, enter } = testRoom();
    const slow = await enter("slow");
    const ann = await enter("ann");
    const bob = await enter("bob");
    slow.guest.reads = false;
    await ann.stay.say("1");
    await bob.stay.say("2");
    await delivered();
    expect(slow.guest.ends).toEqual(["your connection is too slow"]);
    expect(slow.guest.lines.at(-1)).toBe("ann: 1");
    for (const { guest } of [ann, bob]) expect(guest.lines.slice(-3)).toEqual(["ann: 1", "slow left", "bob: 2"]);
    expect(room.size).toBe(2);
  });

  test("ends all stays when it closes, and refuses guests afterwards", async () => {
    const bus = new LocalBus();
    const { room, enter } = testRoom({}, bus);
    const { guest, stay } = await enter("ann");
    await room.close();
    expect(guest.ends).toEqual(["the room closes"]);
    expect(room.size).toBe(0);
    expect(await bus.names()).toEqual([]);
    expect(await stay.say("hello")).toBe("you have left the room");
    const late = new TestGuest();
    expect(await room.join("bob", late)).toEqual({ refused: "the room is closed" });
    expect(late.ends).toEqual([]);
  });

  test("ends a stay that begins while the room closes", async () => {
    const { room } = testRoom();
    const guest = new TestGuest();
    const joining = room.join("ann", guest);
    await room.close();
    expect(await joining).toEqual({ refused: "the room is closed" });
    expect(room.size).toBe(0);
  });
});

describe("a room on a bus that fails", () => {
  class FailingBus extends LocalBus {
    fails: "names" | "joined" | "said" | "leave" | undefined;

    override async names(): Promise<readonly string[]> {
      if (this.fails === "names") throw new Error("away");
      return super.names();
    }

    override async joined(name: string): Promise<void> {
      if (this.fails === "joined") throw new Error("away");
      return super.joined(name);
    }

    override async said(name: string, text: string): Promise<void> {
      if (this.fails === "said") throw new Error("away");
      return super.said(name, text);
    }

    override async leave(name: string): Promise<void> {
      if (this.fails === "leave") throw new Error("away");
      return super.leave(name);
    }
  }

  test.each(["names", "joined"] as const)("refuses a guest if %s fails, and frees the name", async (method) => {
    const bus = new FailingBus();
    const { room, enter } = testRoom({}, bus);
    bus.fails = method;
    expect(await room.join("ann", new TestGuest())).toEqual({ refused: "the room cannot be reached; try later" });
    bus.fails = undefined;
    expect(room.size).toBe(0);
    await enter("ann");
  });

  test("refuses a message", async () => {
    const bus = new FailingBus();
    const { enter } = testRoom({}, bus);
    const { stay } = await enter("ann");
    bus.fails = "said";
    expect(await stay.say("hello")).toBe("not sent: the room cannot be reached");
  });

  test("closes although departures fail", async () => {
    const bus = new FailingBus();
    const { room, enter } = testRoom({}, bus);
    await enter("ann");
    bus.fails = "leave";
    await room.close();
    expect(room.size).toBe(0);
  });
});

test("events that arrive before the welcome are shown after it", async () => {
  class SlowBus extends LocalBus {
    override async names(): Promise<readonly string[]> {
      const names = await super.names();
      this.listener?.event({ type: "joined", name: "bob" });
      return names;
    }
  }
  const { enter } = testRoom({}, new SlowBus());
  const { guest } = await enter("ann");
  await delivered();
  expect(guest.lines).toEqual(["welcome ann: ann", "bob joined", "ann joined"]);
});

test("a guest whose name now belongs to another process leaves", async () => {
  const bus = new LocalBus();
  const { room, enter } = testRoom({}, bus);
  const { guest } = await enter("ann");
  bus.listener?.lost("ann");
  expect(guest.ends).toEqual(["another process has given your name away; join again"]);
  expect(room.size).toBe(0);
});
