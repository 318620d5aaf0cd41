import { digestOf, MIB, randomData, sha256, writeAll } from "@nacre/testing/interop/data";
import { failure, useServer } from "@nacre/testing/interop/server";
import { describe, expect, test } from "vitest";

const server = useServer();

test("50 commands start concurrently over one connection", async () => {
  await using client = await server.connect();
  const results = await Promise.all(
    Array.from({ length: 50 }, (_, i) =>
      client.exec(`read line; echo "$line"; exit ${i}`, { input: `command ${i}\n` }),
    ),
  );
  expect(results.map(({ stdout, status }) => ({ stdout, status }))).toEqual(
    Array.from({ length: 50 }, (_, i) => ({ stdout: `command ${i}\n`, status: i })),
  );
});

test("50 commands run at the same time", async () => {
  await using client = await server.connect();
  const running = await Promise.all(Array.from({ length: 50 }, () => client.spawn("cat")));
  const payloads = running.map((_, i) => randomData(MIB / 4 + i));
  const digests = await Promise.all(
    running.map(async ({ stdin, stdout }, i) => {
      const [received] = await Promise.all([digestOf(stdout), writeAll(stdin, payloads[i]!)]);
      return received;
    }),
  );
  expect(digests).toEqual(payloads.map((bytes) => ({ sha256: sha256(bytes), length: bytes.length })));
  const exits = await Promise.all(running.map(({ exit }) => exit));
  expect(exits.every(({ status }) => status === 0)).toBe(true);
});

test("500 consecutive commands reuse channel numbers", async () => {
  await using client = await server.connect();
  // Twice the maximum number of channels; each is closed before the next is opened.
  for (let i = 0; i < 10; i++) {
    const results = await Promise.all(Array.from({ length: 50 }, (_, k) => client.exec(`echo ${i} ${k}`)));
    expect(results.map(({ stdout }) => stdout)).toEqual(Array.from({ length: 50 }, (_, k) => `${i} ${k}\n`));
  }
});

test("20 connections run concurrently", async () => {
  const clients = await Promise.all(Array.from({ length: 20 }, () => server.connect()));
  try {
    const results = await Promise.all(clients.map((client, i) => client.exec(`echo ${i}`)));
    expect(results.map(({ stdout }) => stdout)).toEqual(Array.from({ length: 20 }, (_, i) => `${i}\n`));
  } finally {
    await Promise.all(clients.map((client) => client.close()));
  }
});

describe("a server that allows two sessions", () => {
  const narrow = useServer({ config: ["MaxSessions 2"] });

  test("refuses the third at once with `queue: false`, without affecting the first two", async () => {
    await using client = await narrow.connect();
    const first = await client.spawn("cat");
    const second = await client.spawn("cat");
    const error = await failure(client.exec("echo third", { queue: false }));
    expect(error).toMatchObject({ code: "channel-open-failed", culprit: "peer" });
    expect(error.message).toContain("MaxSessions");
    for (const [cat, text] of [
      [first, "one"],
      [second, "two"],
    ] as const) {
      cat.stdin.end(text);
      expect((await cat.stdout.toArray()).join("")).toBe(text);
      expect(await cat.exit).toMatchObject({ status: 0 });
    }
    expect((await client.exec("echo third")).stdout).toBe("third\n");
  });

  test("runs 20 concurrent commands, although one session lasts", async () => {
    await using client = await narrow.connect();
    const cat = await client.spawn("cat");
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, i) => client.exec(`read line; echo ${i}`, { input: "go\n" })),
    );
    expect(results.map(({ stdout, status }) => [stdout, status])).toEqual(
      Array.from({ length: 20 }, (_, i) => [`${i}\n`, 0]),
    );
    cat.stdin.end();
    await cat.exit;
  });

  test("runs commands one after another beside a session that lasts, and none waits for it", async () => {
    await using client = await narrow.connect();
    const cat = await client.spawn("cat");
    for (let i = 0; i < 100; i++) expect((await client.exec(`echo ${i}`)).stdout).toBe(`${i}\n`);
    cat.stdin.end();
    await cat.exit;
  });
});

describe("a server that allows ten sessions", () => {
  const usual = useServer({ config: ["MaxSessions 10"] });

  test("runs 20 concurrent commands", async () => {
    await using client = await usual.connect();
    const results = await Promise.all(Array.from({ length: 20 }, (_, i) => client.exec(`echo ${i}`)));
    expect(results.map(({ stdout }) => stdout)).toEqual(Array.from({ length: 20 }, (_, i) => `${i}\n`));
  });
});

describe("a server that allows no session", () => {
  const none = useServer({ config: ["MaxSessions 0"] });

  test("accepts the login and refuses the command", async () => {
    await using client = await none.connect();
    const error = await failure(client.exec("echo ok"));
    expect(error).toMatchObject({ code: "channel-open-failed", culprit: "peer" });
  });
});
