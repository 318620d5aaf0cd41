import { once } from "node:events";
import { uncaught } from "@nacre/testing/nacre/outcomes";
import ssh2, { type SFTPWrapper } from "ssh2";
import { describe, expect, it, onTestFinished } from "vitest";
import { Client } from "../../src/client/client.ts";
import type { IncomingClient } from "../../src/server/connection.ts";
import type { Session } from "../../src/server/session.ts";
import type { SftpServerChannel } from "../../src/sftp-server/channel.ts";
import { nacreClient, serving } from "./serving.ts";

/** Returns SSH_FXP_STAT of the path "a". Another `length` than 1 makes it malformed. */
const stat = (id: number, length = 1): number[] => [0, 0, 0, 10, 17, 0, 0, id >> 8, id & 0xff, 0, 0, 0, length, 97];

const INIT = [0, 0, 0, 5, 1, 0, 0, 0, 3];

/** Serves SFTP, which `use` gets. */
const sftp =
  (use: (one: SftpServerChannel) => void) =>
  (connection: IncomingClient): void => {
    connection.on("session", (accept: () => Session) => {
      accept().on("sftp", (acceptSftp: () => SftpServerChannel) => use(acceptSftp()));
    });
  };

/** Opens SFTP as a channel of bytes, and sends some. */
async function raw(port: number, ...bytes: readonly number[]) {
  const client = await nacreClient(port);
  const channel = await client.openChannel("session");
  const received: number[] = [];
  channel.handler = {
    data: (_stream, chunk) => void received.push(...chunk),
    writable() {},
    eof() {},
    request() {},
    closed() {},
  };
  await channel.request("subsystem", Uint8Array.of(0, 0, 0, 4, ...Buffer.from("sftp")));
  channel.write(Uint8Array.from(bytes));
  return { channel, received };
}

describe("SFTP of a server", () => {
  it.each([
    ["a packet that is too long", [...INIT, 1, 0, 0, 0]],
    ["a packet without a type", [...INIT, 0, 0, 0, 0]],
    ["requests before INIT", [0, 0, 0, 9, 17, 0, 0, 0, 1, 0, 0, 0, 0]],
    ["a second INIT", [...INIT, ...INIT]],
  ])("ends with an error for %s, and the connection goes on", async (_, bytes) => {
    const errors: unknown[] = [];
    const one = await serving(
      undefined,
      undefined,
      sftp((own) => own.on("error", (error) => errors.push(error))),
    );
    const { channel } = await raw(one.port, ...bytes);
    await channel.ended;
    expect(errors).toMatchObject([{ level: "sftp-protocol" }]);
    expect(one.connections[0]!.authenticated).toBe(true);
  });

  it("is no uncaught exception if nobody listens for the error", async () => {
    const one = await serving(
      undefined,
      undefined,
      sftp(() => {}),
    );
    const { channel } = await raw(one.port, ...INIT, 255, 0, 0, 0);
    await channel.ended;
  });

  it("refuses a malformed request and goes on", async () => {
    const paths: unknown[] = [];
    const one = await serving(
      undefined,
      undefined,
      sftp((own) =>
        own.on("STAT", (id: number, path: string) => {
          paths.push(path);
          own.status(id, 2);
        }),
      ),
    );
    const { received, channel } = await raw(one.port, ...INIT, ...stat(7, 9), ...stat(8));
    await expect.poll(() => statusesIn(received).length).toBe(2);
    expect(statusesIn(received)).toEqual([
      [7, 5],
      [8, 2],
    ]);
    expect(paths).toEqual(["a"]);
    channel.close();
  });

  it("sends one reply for each request, and none for others", async () => {
    const one = await serving(
      undefined,
      undefined,
      sftp((own) =>
        own.on("STAT", (id: number) => {
          own.status(id + 1, 0);
          own.status(id, 2, "first");
          own.status(id, 3, "second");
        }),
      ),
    );
    const client = await one.loggedIn();
    const channel = await new Promise<SFTPWrapper>((resolve) => client.sftp((_error, opened) => resolve(opened)));
    const stat = (): Promise<unknown> => new Promise((resolve) => channel.stat("/a", (error) => resolve(error)));
    expect(await stat()).toMatchObject({ code: 2, message: "first" });
    expect(await stat()).toMatchObject({ code: 2, message: "first" });
  });

  it("handles no request behind one whose listener throws, although it has arrived", async () => {
    const thrown = uncaught();
    const one = await serving(
      undefined,
      undefined,
      sftp((own) => {
        own.on("STAT", (id: number) => {
          throw new Error(`request ${id}`);
        });
      }),
    );
    const { channel } = await raw(one.port, ...INIT, ...stat(7), ...stat(8));
    const errors: unknown[] = [];
    one.connections[0]!.on("error", (error) => errors.push(error));
    await channel.ended;
    expect([errors, thrown]).toEqual([[new Error("request 7")], []]);
  });

  it("sends the replies of a listener that then ends it", async () => {
    const one = await serving(
      undefined,
      undefined,
      sftp((own) =>
        own.on("REALPATH", (id: number) => {
          own.name(id, { filename: "/home" });
          own.end();
        }),
      ),
    );
    const client = await one.loggedIn();
    const channel = await new Promise<SFTPWrapper>((resolve) => client.sftp((_error, opened) => resolve(opened)));
    const closed = once(channel, "close");
    const path = await new Promise((resolve) => channel.realpath(".", (_error, real) => resolve(real)));
    expect(path).toBe("/home");
    await closed;
  });

  it("reads no further requests while too many are unanswered", async () => {
    const ids: number[] = [];
    let own: SftpServerChannel | undefined;
    const one = await serving(
      undefined,
      undefined,
      sftp((channel) => {
        own = channel;
        channel.on("STAT", (id: number) => ids.push(id));
      }),
    );
    const count = 200;
    const { channel, received } = await raw(
      one.port,
      ...INIT,
      ...Array.from({ length: count }, (_, id) => stat(id)).flat(),
    );
    await expect.poll(() => ids.length).toBe(128);
    for (let answered = 0; answered < count; answered++) own!.status(ids[answered]!, 0);
    await expect.poll(() => received.length).toBe(9 + count * 21);
    expect(ids).toEqual(Array.from({ length: count }, (_, id) => id));
    channel.close();
  });

  it.each([
    ["this package", Client],
    ["ssh2", ssh2.Client],
  ])("gets the paths of a link in order from the client of %s", async (_, Implementation) => {
    const seen: string[][] = [];
    const one = await serving(
      undefined,
      undefined,
      sftp((own) =>
        own.on("SYMLINK", (id: number, linkPath: string, targetPath: string) => {
          seen.push([linkPath, targetPath]);
          own.status(id, 0);
        }),
      ),
    );
    const client = new Implementation() as unknown as ssh2.Client;
    onTestFinished(() => void client.destroy());
    client.connect({ host: "127.0.0.1", port: one.port, username: "alice", hostVerifier: () => true });
    await once(client, "ready");
    const opened = await new Promise<SFTPWrapper>((resolve, reject) =>
      client.sftp((error, wrapper) => (error ? reject(error) : resolve(wrapper))),
    );
    await new Promise<void>((resolve, reject) =>
      opened.symlink("target", "link", (error) => (error ? reject(error) : resolve())),
    );
    expect(seen).toEqual([["link", "target"]]);
  });
});

/** Returns number and status of each complete SSH_FXP_STATUS. */
function statusesIn(received: readonly number[]): [number, number][] {
  const bytes = Buffer.from(received);
  const statuses: [number, number][] = [];
  for (
    let at = 0;
    at + 4 <= bytes.length && at + 4 + bytes.readUInt32BE(at) <= bytes.length;
    at += 4 + bytes.readUInt32BE(at)
  )
    if (bytes[at + 4] === 101) statuses.push([bytes.readUInt32BE(at + 5), bytes.readUInt32BE(at + 9)]);
  return statuses;
}
